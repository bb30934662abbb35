/* What members did, as a sentence: "bought [at least] [2] [times] [in the last] [90] days, where [category] [is] [tea]". */

import { Combobox, matching } from "./combobox.js";
import { fill, h, icon, iconButton, select, spoken } from "./dom.js";
import { valueInput } from "./values.js";

const COMPARISONS = ["never", ">=", "<=", "=", "!=", ">", "<", "between"];

/* The windows of the language: what each is written with, and its value when it is chosen anew. */
const WINDOWS = {
    within_days: { word: "within", fresh: 90, parts: (node, site) => ({ days: days(node.within_days, site.part("within_days", site.words.units.days), setter(site, "within_days")) }) },
    between_days_ago: {
        word: "between", fresh: [30, 90],
        parts: (node, site) => ({ from: dayOf(node, 0, site, site.words.window_from), to: dayOf(node, 1, site, site.words.window_to) }),
    },
    since: {
        word: "since", fresh: undefined,
        parts: (node, site) => ({
            date: valueInput("one", { what: { type: "date" }, value: node.since, site: site.part("since", site.words.window_date), set: setter(site, "since") }),
        }),
    },
    ever: { word: "ever" },
};

export const behaviour = {
    is: (node, catalogue) => catalogue.behaviours.has(node.did),
    subject: (node) => `did:${node.did}`,
    name: (node, catalogue) => catalogue.behaviours.get(node.did).label,
    help: (node, catalogue) => catalogue.behaviours.get(node.did).help,
    done: (node) => isWhole(node[amountKey(node)]) && windowDone(node) && Object.values(node.where || {}).every(whereDone),
    parts(node, site) {
        const known = site.catalogue.behaviours.get(node.did);
        const sentence = isNever(node) ? site.words.did_nothing : site.words.did;
        return [
            spoken(sentence, {
                what: site.picker(node), comparison: comparison(node, site), amount: amount(node, known, site), window: span(node, site),
            }),
            h("div", { class: "rk-wheres" }, Object.keys(node.where || {}).map((name) => where(node, name, known, site)), whereAdder(node, known, site)),
        ];
    },
};

const isNumber = (value) => typeof value === "number" && !Number.isNaN(value);
const isWhole = (value) => (Array.isArray(value) ? value.length === 2 && value.every(isNumber) : isNumber(value));
const amountKey = (node) => ("sum" in node ? "value" : "times");
const isNever = (node) => node.operator === "=" && node.times === 0 && !("sum" in node) && !node.distinct_days;
const windowOf = (node) => Object.keys(WINDOWS).find((name) => name in node) || "ever";

function windowDone(node) {
    const name = windowOf(node);
    const value = node[name];
    return name === "ever" || (name === "since" ? Boolean(value) : isWhole(value));
}

function whereDone(value) {
    const plain = isPlain(value) ? value : value.value;
    const given = (each) => each !== undefined && each !== null && each !== "";
    return ["is_null", "is_not_null"].includes(value?.operator) || (Array.isArray(plain) ? plain.length > 0 && plain.every(given) : given(plain));
}

const isPlain = (value) => typeof value !== "object" || value === null || Array.isArray(value);

const setter = (site, key) => (value) => site.change((each) => { if (value === undefined) delete each[key]; else each[key] = value; }, { typing: key });

/* --- how often, how much */

function comparison(node, site) {
    const options = COMPARISONS.map((code) => [code, site.words[`did_${code}`]]);
    return select(options, isNever(node) ? "never" : node.operator, {
        ...site.named("operator", site.words.comparison),
        onchange: (event) => site.change((each) => {
            const wasNever = isNever(each);
            if (event.target.value === "never") {
                for (const key of ["sum", "value", "distinct_days"]) delete each[key];
                Object.assign(each, { operator: "=", times: 0 });
            } else {
                const key = amountKey(each);
                each.operator = event.target.value;
                if (wasNever) each.times = 1;
                const pair = each.operator === "between";
                if (pair !== Array.isArray(each[key])) each[key] = pair ? [each[key] ?? null, null] : each[key]?.[0] ?? null;
            }
        }, { redraw: "operator" }),
    });
}

function amount(node, known, site) {
    const summed = known.sums.find((each) => each.name === node.sum);
    const key = amountKey(node);
    const input = valueInput(node.operator === "between" ? "pair" : "one", {
        what: summed || { type: "number" }, value: node[key] ?? undefined, set: setter(site, key), min: 0,
        site: site.part(key, summed ? site.words.how_much : site.words.how_often),
    });
    const options = [["times", site.words.aggregate_times], ["days", site.words.aggregate_days],
        ...known.sums.map((each) => [`sum:${each.name}`, fill(site.words.aggregate_sum, { what: each.label })])];
    const chosen = "sum" in node ? `sum:${node.sum}` : node.distinct_days ? "days" : "times";
    const counted = select(options, chosen, {
        ...site.named("aggregate", site.words.counted),
        onchange: (event) => site.change((each) => count(each, event.target.value), { redraw: "aggregate" }),
    });
    return summed ? [counted, input] : [input, counted];
}

function count(node, what) {
    const often = node.times;
    for (const key of ["sum", "value", "times", "distinct_days"]) delete node[key];
    if (what.startsWith("sum:")) {
        node.sum = what.slice(4);
        return;
    }
    node.times = often ?? (node.operator === "between" ? [1, null] : 1);
    if (what === "days") node.distinct_days = true;
}

/* --- when */

function span(node, site) {
    const name = windowOf(node);
    const chooser = select(Object.entries(WINDOWS).map(([code, { word }]) => [code, site.words[`window_${word}`]]), name, {
        ...site.named("window", site.words.window),
        onchange: (event) => site.change((each) => {
            for (const code of Object.keys(WINDOWS)) delete each[code];
            const chosen = event.target.value;
            if (chosen !== "ever") each[chosen] = WINDOWS[chosen].fresh ?? null;
        }, { redraw: "window" }),
    });
    return name === "ever" ? chooser : [chooser, spoken(site.words[`window_${WINDOWS[name].word}_parts`], WINDOWS[name].parts(node, site))];
}

function days(value, site, set, min = 1) {
    return h("input", {
        class: "rk-input rk-number rk-short", type: "number", inputmode: "numeric", step: 1, min, max: site.limits.window_days, value: value ?? "",
        ...site.named("value"), oninput: (event) => set(Number.isNaN(event.target.valueAsNumber) ? undefined : event.target.valueAsNumber),
    });
}

function dayOf(node, index, site, label) {
    return days(node.between_days_ago?.[index], site.part(`between_days_ago[${index}]`, label), (typed) => site.change((each) => {
        each.between_days_ago = [0, 1].map((end) => (end === index ? typed : each.between_days_ago?.[end]) ?? null);
    }, { typing: `between${index}` }), 0);
}

/* --- what it was like */

function where(node, name, known, site) {
    const what = known.wheres.find((each) => each.name === name);
    const [operator, value] = readWhere(node.where[name]);
    const here = site.part(`where.${name}`, what?.label || name);
    const remove = iconButton("close", fill(site.words.remove_where, { what: what?.label || name }), {
        class: "rk-remove",
        onclick: () => site.change((each) => {
            delete each.where[name];
            if (!Object.keys(each.where).length) delete each.where;
        }, { redraw: "where", said: site.words.where_removed }),
    });
    if (!what) return h("div", { class: "rk-where" }, h("code", { class: "rk-chip" }, JSON.stringify({ [name]: node.where[name] })), remove);
    const shape = site.catalogue.shapeOf(operator);
    const operators = select(what.operators.map((code) => [code, site.catalogue.operators.get(code).label]), operator, {
        ...here.named("comparison", site.words.comparison),
        onchange: (event) => site.change((each) => {
            const after = site.catalogue.shapeOf(event.target.value);
            each.where[name] = writeWhere(event.target.value, after === shape ? value : after === "list" && value !== null ? [value] : null, after);
        }, { redraw: `where.${name}.comparison` }),
    });
    const input = valueInput(shape, {
        what, value: value ?? undefined, site: here, most: site.catalogue.operators.get(operator).most_days,
        set: (typed) => site.change((each) => { each.where[name] = writeWhere(operator, typed ?? null, shape); }, { typing: `where.${name}` }),
    });
    return h("div", { class: "rk-where", role: "group", "aria-label": what.label }, h("span", { class: "rk-word" }, fill(site.words.where, { what: what.label })), operators, input, remove);
}

/** A value alone means that it is equal, a list that it is one of these. */
function readWhere(written) {
    if (Array.isArray(written)) return ["in", written];
    return isPlain(written) ? ["=", written] : [written.operator, written.value];
}

function writeWhere(operator, value, shape) {
    if (operator === "=" || (operator === "in" && value)) return value;
    return shape === "none" ? { operator } : { operator, value };
}

function whereAdder(node, known, site) {
    const free = known.wheres.filter((each) => !(each.name in (node.where || {})));
    if (!free.length) return null;
    const add = (name) => {
        const what = free.find((each) => each.name === name);
        const operator = what.operators.includes("=") ? "=" : what.operators[0];
        site.change((each) => { each.where = { ...each.where, [name]: writeWhere(operator, null, site.catalogue.shapeOf(operator)) }; },
            { redraw: `where.${name}.value`, said: fill(site.words.where_added, { what: what.label }) });
    };
    const options = free.map(({ name, label, help }) => ({ value: name, label, hint: help, words: [label, help || "", name.replaceAll("_", " ")].join(" ").toLocaleLowerCase() }));
    // Not a select: there the first letter, and the first arrow key, would be a choice already.
    const combo = new Combobox({
        words: site.words, find: (text) => matching(options, text), pick: (option) => add(option.value),
        attributes: { ...site.named("where", site.words.add_where), placeholder: site.words.add_where },
    });
    return h("label", { class: "rk-add-where" }, icon("add"), combo.input);
}
