"""A bad setting fails the init with a sentence that names the variable."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from handler.model_settings import digest_of, request_of
from handler.settings import Settings, SettingsError

REQUIRED = {
    "IMAGE_LABELS_TABLE": "ImageLabels",
    "LABEL_INDEX_TABLE": "LabelIndex",
    "LABEL_QUOTA_TABLE": "LabelQuota",
    "QUEUE_URL": "https://queue",
    "DEAD_LETTER_QUEUE_URL": "https://dead",
}


def test_given_only_what_is_required_when_read_then_the_rest_has_its_default() -> None:
    settings = Settings.from_environment(REQUIRED)
    assert (settings.min_confidence, settings.max_labels) == (80, 50)
    assert (settings.rekognition_concurrency, settings.rekognition_tps, settings.max_concurrency) == (10, 0, 10)


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("value", ["", "  ", None])
def test_given_a_required_setting_missing_when_read_then_it_is_named(name: str, value: str | None) -> None:
    environment = {key: text for key, text in (REQUIRED | {name: value}).items() if text is not None}
    with pytest.raises(SettingsError, match=name):
        Settings.from_environment(environment)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MIN_CONFIDENCE", "high"),
        ("MIN_CONFIDENCE", "101"),
        ("MIN_CONFIDENCE", "-1"),
        ("MIN_CONFIDENCE", "nan"),
        ("MAX_LABELS", "0"),
        ("MAX_LABELS", "1.5"),
        ("MAX_LABELS", "inf"),
        ("REKOGNITION_CONCURRENCY", "0"),
        ("REKOGNITION_TPS", "-5"),
        ("MAX_CONCURRENCY", "1"),
        ("IMAGE_PROPERTIES", "yes"),
    ],
)
def test_given_a_bad_value_when_read_then_the_sentence_names_variable_and_value(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is '{value}'.*must be"):
        Settings.from_environment(REQUIRED | {name: value})


def test_given_filters_when_read_then_their_order_repetitions_and_blanks_make_no_difference() -> None:
    filters = {
        "LABEL_EXCLUSION_FILTERS": " Person,Cat, Person,,",
        "LABEL_CATEGORY_INCLUSION_FILTERS": "Sports,Animals and Pets",
    }
    others = filters | {"LABEL_EXCLUSION_FILTERS": "Cat,Person"}
    settings = Settings.from_environment(REQUIRED | filters)
    assert request_of(settings) == {
        "MinConfidence": 80,
        "MaxLabels": 50,
        "Features": ["GENERAL_LABELS"],
        "Settings": {
            "GeneralLabels": {
                "LabelExclusionFilters": ["Cat", "Person"],
                "LabelCategoryInclusionFilters": ["Animals and Pets", "Sports"],
            }
        },
    }
    assert digest_of(settings) == digest_of(Settings.from_environment(REQUIRED | others))


def test_given_settings_that_differ_when_named_then_no_two_have_one_name_and_the_usual_have_none() -> None:
    variables = [
        f"LABEL{kind}_{what}_FILTERS" for kind in ("", "_CATEGORY") for what in ("INCLUSION", "EXCLUSION")
    ]
    given: list[dict[str, str]] = [{name: value} for name in variables for value in ("Cat", "Cat,Dog", "Catdog")]
    given += [{"IMAGE_PROPERTIES": "true"}, {"IMAGE_PROPERTIES": "true", variables[0]: "Cat"}]
    digests = {digest_of(Settings.from_environment(REQUIRED | one)) for one in given}
    assert len(digests) == len(given)
    usual = Settings.from_environment(REQUIRED)
    assert digest_of(usual) is None
    assert request_of(usual) == {"MinConfidence": 80, "MaxLabels": 50}


def test_given_image_properties_when_asked_for_then_a_call_has_both_features_with_filters_or_without() -> None:
    usual = request_of(Settings.from_environment(REQUIRED | {"IMAGE_PROPERTIES": "false"}))
    asked = request_of(Settings.from_environment(REQUIRED | {"IMAGE_PROPERTIES": "true"}))
    colours = {"ImageProperties": {"MaxDominantColors": 5}}
    assert asked == usual | {"Features": ["GENERAL_LABELS", "IMAGE_PROPERTIES"], "Settings": colours}
    with_filter = {"IMAGE_PROPERTIES": "true", "LABEL_INCLUSION_FILTERS": "Cat"}
    both = request_of(Settings.from_environment(REQUIRED | with_filter))
    assert both == asked | {"Settings": colours | {"GeneralLabels": {"LabelInclusionFilters": ["Cat"]}}}


@pytest.mark.parametrize("kind", ["LABEL", "LABEL_CATEGORY"])
def test_given_bad_filters_when_read_then_a_sentence_names_the_variable(kind: str) -> None:
    included, excluded = f"{kind}_INCLUSION_FILTERS", f"{kind}_EXCLUSION_FILTERS"
    for bad in ("Cat,D*g", "a" * 51, "Cat\nDog"):
        with pytest.raises(SettingsError, match=f"{included} is .* must be a name of at most 50 letters"):
            Settings.from_environment(REQUIRED | {included: bad})
    with pytest.raises(SettingsError, match=f"{excluded} has 101 names: Rekognition takes at most 100"):
        Settings.from_environment(REQUIRED | {excluded: ",".join(map(str, range(101)))})
    with pytest.raises(SettingsError, match=f"{included} and {excluded} both name 'Cat'"):
        Settings.from_environment(REQUIRED | {included: "Cat,Dog", excluded: "Cat"})


def test_given_a_bad_setting_when_the_function_starts_then_its_init_fails_with_the_sentence() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "import handler.app"],
        env={"PATH": os.environ["PATH"], "AWS_REGION": "us-east-1"} | REQUIRED | {"MAX_LABELS": "many"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode != 0
    assert "MAX_LABELS is 'many': it must be a number from 1 to 1000." in ended.stderr
