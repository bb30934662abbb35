/* Makes a rule builder of every rule's textarea on the page. Without it the textarea is the form. */

import { Builder } from "./rule-builder/builder.js";

document.querySelectorAll("[data-rule-builder]").forEach((root) => new Builder(root));
