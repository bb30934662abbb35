/* Conditions as sentences with editable parts: a row of KINDS for each kind of condition. */

import { behaviour } from "./behaviours.js";
import { Combobox, matching } from "./combobox.js";
import { h, select } from "./dom.js";
import { valueInput } from "./values.js";

/* How a kind is known, its parts, the line under it, whether it is finished, and what people call it. */
const comparison = {
    is: (node, catalogue) => catalogue.fields.has(node.field),
    subject: (node) => `field:${node.field}`,
    name: (node, catalogue) => catalogue.fields.get(node.field).label,
    help: (node, catalogue) => catalogue.fields.get(node.field).help,
    done: (node, catalogue) => catalogue.shapeOf(node.operator) === "none" || isGiven(node.value),
    parts(node, site) {
        const field = site.catalogue.fields.get(node.field);
        return [site.picker(node), operatorOf(node, field, site), valueOf(node, field, site)];
    },
};

const membership = {
    is: (node) => "in_segment" in node,
    subject: () => "is:segment",
    name: (node, catalogue) => catalogue.segments.find((each) => each.slug === node.in_segment)?.name || catalogue.words.in_segment,
    done: (node) => isGiven(node.in_segment),
    parts(node, site) {
        const options = site.catalogue.segments.map((each) => ({ value: each.slug, label: each.name, words: `${each.name} ${each.slug}`.toLocaleLowerCase() }));
        const chosen = options.find((each) => each.value === node.in_segment);
        const combo = new Combobox({
            words: site.words, text: chosen?.label || node.in_segment, attributes: site.named("value", site.words.segment),
            find: (text) => matching(options, text).map((each) => ({ ...each, chosen: each === chosen })),
            pick: (option) => site.change((each) => { each.in_segment = option.value; }),
        });
        return [site.picker(node), combo.input];
    },
};

const everyone = {
    is: (node) => "everyone" in node,
    subject: () => "is:everyone",
    name: (node, catalogue) => catalogue.words.everyone,
    done: () => true,
    parts: (node, site) => [site.picker(node)],
};

/* What this page cannot show it keeps as it is. */
const unknown = {
    is: () => true,
    subject: () => "",
    name: (node) => JSON.stringify(node).slice(0, 60),
    done: () => true,
    parts: (node, site) => [h("code", { class: "rk-chip", tabindex: "0", ...site.named("field", site.words.what) }, JSON.stringify(node))],
};

const KINDS = [comparison, behaviour, membership, everyone, unknown];

export const kindOf = (node, catalogue) => KINDS.find((kind) => kind.is(node, catalogue));

export function isDone(node, catalogue) {
    if (Array.isArray(node.rules)) return node.rules.length > 0 && node.rules.every((child) => isDone(child, catalogue));
    return kindOf(node, catalogue).done(node, catalogue);
}

export function isGiven(value) {
    return Array.isArray(value) ? value.length > 0 && value.every(isGiven) : value !== undefined && value !== null && value !== "";
}

function operatorOf(node, field, site) {
    const options = field.operators.map((code) => [code, site.catalogue.operators.get(code).label]);
    if (!field.operators.includes(node.operator)) options.unshift([node.operator, node.operator]);
    return select(options, node.operator, {
        ...site.named("operator", site.words.comparison),
        onchange: (event) => site.change((each) => {
            const [before, after] = [each.operator, event.target.value].map((code) => site.catalogue.shapeOf(code));
            each.operator = event.target.value;
            if (before !== after) refit(each, before, after);
        }, { redraw: "operator" }),
    });
}

/** Keeps of a value what another number of values can take over. */
function refit(node, before, after) {
    if (before === "one" && after === "list" && isGiven(node.value)) node.value = [node.value];
    else if (before === "list" && after === "one" && node.value?.length === 1) [node.value] = node.value;
    else delete node.value;
}

function valueOf(node, field, site) {
    const operator = site.catalogue.operators.get(node.operator);
    return valueInput(operator?.value, {
        what: field, value: node.value, most: operator?.most_days, site: operator?.value === "pair" ? site.part("value") : site,
        set: (value) => site.change((each) => { if (value === undefined) delete each.value; else each.value = value; }, { typing: "value" }),
    });
}
