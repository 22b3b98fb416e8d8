// The page of `photos browse`: each module owns one part of it, and listens to what the others tell.

import "./form.js";
import "./chips.js";
import "./found.js";
import "./grid.js";
import "./facets.js";
import "./times.js";
import "./news.js";
import { follow } from "./pipeline.js";
import { start } from "./photos.js";

addEventListener("hashchange", start);
start();
follow();
