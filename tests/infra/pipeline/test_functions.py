"""The functions."""

from __future__ import annotations

import json
import re

import pytest

from handler.settings import LabelFilters, Settings, SettingsError
from photo_labels.records.budget import CHECK_BUDGET, Budget
from photo_labels.records.decoder import MEMORY_BYTES
from tests.infra.pipeline.shared import FUNCTIONS, IMAGE, Template, actions_of, stack_of


def test_given_the_function_when_made_then_the_handler_takes_its_environment(template: Template) -> None:
    stack = stack_of(
        template,
        MinConfidence=55.5,
        MaxLabels=20,
        LabelExclusionFilters="Person,Face",
        LabelCategoryInclusionFilters="Animals and Pets",
        ImageProperties="true",
        RekognitionTps=50,
        MaxConcurrency=30,
        DailyBudgetPhotos=5000,
        MonthlyBudgetPhotos=100_000,
    )
    environment = stack.properties("Function")["Environment"]["Variables"]
    assert Settings.from_environment(environment) == Settings(
        image_labels_table="<ImageLabels>",
        label_index_table="<LabelIndex>",
        label_quota_table="<LabelQuota>",
        content_claims_table="<ContentClaims>",
        photo_metadata="time",
        queue_url="<Queue>",
        dead_letter_queue_url="<DeadLetterQueue>",
        convert_queue_url="<ConvertQueue>",
        overflow_queue_url="<OverflowQueue>",
        bulk_queue_url="<BulkQueue>",
        bulk_convert_queue_url="<BulkConvertQueue>",
        min_confidence=55.5,
        max_labels=20,
        label_filters=LabelFilters(excluded_labels=("Face", "Person"), included_categories=("Animals and Pets",)),
        image_properties=True,
        rekognition_concurrency=10,
        rekognition_tps=50,
        max_concurrency=30,
        bulk_concurrency=2,
        convert_concurrency=5,
        budget=Budget(daily=5000, monthly=100_000),
        stack="photo-labels",
    )
    assert environment["POWERTOOLS_SERVICE_NAME"] == "photo-labels"
    assert environment["POWERTOOLS_METRICS_NAMESPACE"] == "PhotoLabels"


def test_given_function_that_converts_when_made_then_it_is_like_other_but_for_its_queues(
    template: Template,
) -> None:
    stack = stack_of(template, MinConfidence=55.5, MaxLabels=20, RekognitionTps=50, ConvertConcurrency=30)
    labelling, converting = (
        stack.properties(name)["Environment"]["Variables"] for name in ("Function", "ConvertFunction")
    )
    theirs = {name: converting.get(name) for name in labelling if labelling[name] != converting.get(name)}
    assert theirs == {
        "QUEUE_URL": "<ConvertQueue>",
        "DEAD_LETTER_QUEUE_URL": "<ConvertDeadLetterQueue>",
        "OVERFLOW_QUEUE_URL": None,
        "BULK_QUEUE_URL": "<BulkConvertQueue>",
        "CONVERT_QUEUE_URL": None,
        "BULK_CONVERT_QUEUE_URL": None,
        "REKOGNITION_CONCURRENCY": "1",
    }
    assert (converting["MAX_CONCURRENCY"], converting["CONVERT_CONCURRENCY"]) == ("5", "30")
    assert converting.keys() < labelling.keys()
    function = stack.properties("ConvertFunction")
    assert function["Code"] == stack.properties("Function")["Code"]
    assert function["ImageConfig"] == {"Command": ["handler.convert.handler"]}
    # What its decoder may take, and the function itself.
    assert function["MemorySize"] * 2**20 >= MEMORY_BYTES + 400 * 2**20


def test_given_no_reuse_of_labels_when_the_functions_are_made_then_neither_claims_contents(
    template: Template,
) -> None:
    stack = stack_of(template, ReuseLabels="false")
    for name in FUNCTIONS.values():
        environment = stack.properties(name)["Environment"]["Variables"]
        assert Settings.from_environment(environment).content_claims_table is None


@pytest.mark.parametrize("bound", ["MinValue", "MaxValue"])
def test_given_the_parameters_bounds_when_reached_then_the_handler_takes_them(
    template: Template, bound: str
) -> None:
    names = (
        "MinConfidence",
        "MaxLabels",
        "RekognitionTps",
        "MaxConcurrency",
        "BulkConcurrency",
        "ConvertConcurrency",
    )
    extremes = {name: template["Parameters"][name][bound] for name in names}
    environment = stack_of(template, **extremes).properties("Function")["Environment"]["Variables"]
    settings = Settings.from_environment(environment)
    assert extremes == dict(
        zip(
            names,
            (
                settings.min_confidence,
                settings.max_labels,
                settings.rekognition_tps,
                settings.max_concurrency,
                settings.bulk_concurrency,
                settings.convert_concurrency,
            ),
            strict=True,
        )
    )


FILTERS = (
    "LabelInclusionFilters",
    "LabelExclusionFilters",
    "LabelCategoryInclusionFilters",
    "LabelCategoryExclusionFilters",
)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Dog",
        "Dog,Cat",
        "Piñata,Lady's Slipper,T-Shirt (White)",
        "a" * 50,
        "a" * 51,
        "Dog,,Cat",
        "C@t",
        "a,b;c",
    ],
)
def test_given_any_filter_when_the_template_takes_it_then_so_does_the_function(
    template: Template, value: str
) -> None:
    names = [name.strip() for name in value.split(",")]
    for name in FILTERS:
        environment = stack_of(template, **{name: value}).properties("Function")["Environment"]["Variables"]
        if re.fullmatch(template["Parameters"][name]["AllowedPattern"], value):
            request = Settings.from_environment(environment).label_filters.to_request()
            assert request == ({name: sorted(names)} if value else {})
        elif "" not in names:  # which the function overlooks
            with pytest.raises(SettingsError, match="must be a name"):
                Settings.from_environment(environment)


def test_given_the_longest_filters_when_deployed_then_lambda_takes_the_environment(template: Template) -> None:
    longest = {name: "n" * template["Parameters"][name]["MaxLength"] for name in FILTERS}
    environment = stack_of(template, **longest).properties("Function")["Environment"]["Variables"]
    # No name of a queue or table is longer: that of a stack has 35 characters at most.
    reference = f"https://sqs.ap-southeast-2.amazonaws.com/123456789012/{'s' * 35}-{'q' * 40}"
    values = [reference if value.startswith("<") else value for value in environment.values()]
    assert len("".join([*environment, *values])) <= 4096


def test_given_the_function_when_made_then_every_setting_is_there_and_no_other(template: Template) -> None:
    environment = stack_of(template).properties("Function")["Environment"]["Variables"]
    assert environment.keys() - {name for name in environment if name.startswith("POWERTOOLS_")} == {
        "IMAGE_LABELS_TABLE",
        "LABEL_INDEX_TABLE",
        "LABEL_QUOTA_TABLE",
        "CONTENT_CLAIMS_TABLE",
        "PHOTO_METADATA",
        "QUEUE_URL",
        "DEAD_LETTER_QUEUE_URL",
        "OVERFLOW_QUEUE_URL",
        "BULK_QUEUE_URL",
        "CONVERT_QUEUE_URL",
        "BULK_CONVERT_QUEUE_URL",
        "MIN_CONFIDENCE",
        "MAX_LABELS",
        "LABEL_INCLUSION_FILTERS",
        "LABEL_EXCLUSION_FILTERS",
        "LABEL_CATEGORY_INCLUSION_FILTERS",
        "LABEL_CATEGORY_EXCLUSION_FILTERS",
        "IMAGE_PROPERTIES",
        "REKOGNITION_CONCURRENCY",
        "REKOGNITION_TPS",
        "MAX_CONCURRENCY",
        "BULK_CONCURRENCY",
        "CONVERT_CONCURRENCY",
        "DAILY_BUDGET_PHOTOS",
        "MONTHLY_BUDGET_PHOTOS",
    }


def test_given_a_budget_when_deployed_then_a_schedule_asks_the_function_to_look_at_it(template: Template) -> None:
    stack = stack_of(template, DailyBudgetPhotos=5000)
    rule = stack.properties("BudgetSchedule")
    [target] = rule["Targets"]
    assert (rule["ScheduleExpression"], target["Arn"]) == ("rate(5 minutes)", "<Function.Arn>")
    asked = json.loads(target["Input"])
    assert asked["action"] == CHECK_BUDGET
    # All lanes but the live ones.
    live = {"<QueueToFunction>", "<ConvertQueueToFunction>"}
    assert (
        set(asked["mappings"]) == {f"<{name}>" for name in stack.of_type("AWS::Lambda::EventSourceMapping")} - live
    )
    assert stack.properties("BudgetScheduleInvokes") == {
        "Action": "lambda:InvokeFunction",
        "FunctionName": "<Function>",
        "Principal": "events.amazonaws.com",
        "SourceArn": "<BudgetSchedule.Arn>",
    }


def test_given_no_budget_when_deployed_then_nothing_is_scheduled_or_permitted(template: Template) -> None:
    resources = stack_of(template).resources
    assert not [name for name in resources if name.startswith("Budget")]
    with_budget = stack_of(template, MonthlyBudgetPhotos=1).resources
    assert {name for name in with_budget if name.startswith("Budget")} == {
        "BudgetSchedule",
        "BudgetScheduleInvokes",
        "BudgetPolicy",
        "BudgetSpent",
    }


def test_given_another_stacks_quota_when_deployed_then_it_is_shared_and_none_is_made(template: Template) -> None:
    stack = stack_of(template, QuotaTable="two-LabelQuota")
    assert "LabelQuota" not in stack.resources
    for function in ("Function", "ConvertFunction"):
        assert stack.properties(function)["Environment"]["Variables"]["LABEL_QUOTA_TABLE"] == "two-LabelQuota"
    assert stack.outputs["LabelQuotaTable"] == "two-LabelQuota"
    table = "arn:aws:dynamodb:eu-central-1:123456789012:table/two-LabelQuota"
    assert actions_of(stack)["dynamodb:UpdateItem"] == {table}


def test_given_the_function_when_made_then_it_is_the_image_under_a_name_that_tools_know(
    template: Template,
) -> None:
    function = stack_of(template, Memory=512).properties("Function")
    assert function["FunctionName"] == "photo-labels-label"
    assert (function["PackageType"], function["Code"]) == ("Image", {"ImageUri": IMAGE})
    assert (function["Architectures"], function["MemorySize"]) == (["arm64"], "512")


def test_given_the_function_when_it_logs_then_its_group_is_there_and_forgets(template: Template) -> None:
    stack = stack_of(template, LogRetentionDays=90)
    assert stack.properties("FunctionLogs") == {
        "LogGroupName": f"/aws/lambda/{stack.properties('Function')['FunctionName']}",
        "RetentionInDays": "90",
    }
    assert stack.properties("Function")["LoggingConfig"] == {"LogGroup": "<FunctionLogs>"}
