/* What a condition compares with: an input for each type, and for each number of values that an operator takes. */

import { Combobox } from "./combobox.js";
import { fill, h, iconButton, select } from "./dom.js";

/**
 * The inputs for `value` of `what` ({type, unit, choices, suggested}), `most` at most; `set(value)` takes what was entered, undefined for
 * nothing. `site` is the place in the rule: its words, its key for the focus, whom to ask for the shop's own values.
 */
export function valueInput(shape, ask) {
    return SHAPES[shape]?.(ask) ?? null;
}

const SHAPES = {
    none: () => null,
    one: (ask) => one(ask),
    days: ({ value, set, site, most }) => number({ value, set, site, min: 1, max: most, unit: site.words.units.days }),
    pair: (ask) => pair(ask),
    list: (ask) => (ask.what.choices?.length ? ticks(ask) : chips(ask)),
};

const TYPES = {
    boolean: ({ value, set, site }) => choice(
        [{ value: true, label: site.words.yes }, { value: false, label: site.words.no }], { value, set, site }),
    number: ({ what, ...ask }) => number({ ...ask, unit: ask.site.words.units[what.unit], whole: true }),
    decimal: ({ what, ...ask }) => number({ ...ask, step: "any", unit: ask.site.words.units[what.unit] }),
    share: ({ what: _what, ...ask }) => number({ ...ask, step: "any", min: 0, max: 100, scale: 0.01, unit: "%" }),
    money_minor: ({ what: _what, ...ask }) => number({
        ...ask, step: "any", whole: true, scale: 10 ** ask.site.words.minor_digits, before: ask.site.words.currency }),
    date: ({ value, set, site }) => h("input", {
        class: "rk-input", type: "date", value: value || "", ...site.named("value"), onchange: (event) => set(event.target.value || undefined) }),
    text: (ask) => text(ask),
};

function one(ask) {
    if (ask.what.choices?.length) return choice(ask.what.choices, ask);
    return (TYPES[ask.what.type] || TYPES.text)(ask);
}

function choice(choices, { value, set, site }) {
    const options = [["", site.words.choose], ...choices.map((each, index) => [String(index), each.label])];
    return select(options, String(choices.findIndex((each) => each.value === value)), {
        ...site.named("value"), onchange: (event) => set(choices[Number(event.target.value || -1)]?.value) });
}

/* `scale` turns what people type (percent, yuan) into what is stored (share, minor units). */
function number({ value, set, site, step = 1, min, max, unit, before, scale = 1, whole = false }) {
    const shown = typeof value === "number" ? Number((value / scale).toFixed(6)) : "";
    const stored = (typed) => {
        if (Number.isNaN(typed)) return undefined;
        return scale === 1 && !whole ? typed : Number((typed * scale).toFixed(whole && scale !== 1 ? 0 : 8));
    };
    const input = h("input", {
        class: "rk-input rk-number", type: "number", inputmode: "decimal", step, min, max, value: shown, ...site.named("value"),
        oninput: (event) => set(stored(event.target.valueAsNumber)),
    });
    return before || unit ? h("span", { class: "rk-with-unit" }, before ? h("span", {}, before) : null, input, unit ? h("span", {}, unit) : null) : input;
}

function text({ what, value, set, site }) {
    const input = { ...site.named("value"), maxlength: site.limits.text_characters };
    const typed = (written) => set(written.trim() || undefined);
    if (!what.suggested) return h("input", { class: "rk-input", type: "text", value: value ?? "", ...input, oninput: (event) => typed(event.target.value) });
    return new Combobox({
        words: site.words, text: value ?? "", wait: true, typed, attributes: input,
        find: (written, signal) => site.suggest(what.suggested, written, signal), pick: (option) => set(option.value),
    }).input;
}

function pair({ what, value, set, site, min }) {
    const values = Array.isArray(value) ? [...value] : [undefined, undefined];
    const end = (index, label) => one({
        what, min, value: values[index] ?? undefined, site: site.part(`[${index}]`, label),
        set: (entered) => {
            values[index] = entered;
            // Half a pair is kept as it stands, so that it is there when the page is opened again.
            set(values.every((each) => each === undefined) ? undefined : values.map((each) => each ?? null));
        },
    });
    return h("span", { class: "rk-pair" }, end(0, site.words.lowest), h("span", {}, site.words.and), end(1, site.words.highest));
}

function ticks({ what, value, set, site }) {
    const chosen = Array.isArray(value) ? [...value] : [];
    const boxes = what.choices.map((each) => h("label", { class: "rk-tick" }, h("input", {
        type: "checkbox", checked: chosen.includes(each.value),
        onchange: (event) => {
            if (event.target.checked) chosen.push(each.value);
            else chosen.splice(chosen.indexOf(each.value), 1);
            set(chosen.length ? [...chosen] : undefined);
        },
    }), each.label));
    boxes[0]?.firstChild.setAttribute("data-focus", site.named("value")["data-focus"]);
    return h("span", { class: "rk-ticks", role: "group", "aria-label": site.words.values }, boxes);
}

/** A list whose values stand as chips before the input; commas part what is typed or pasted. */
function chips({ what, value, set, site }) {
    const chosen = Array.isArray(value) ? [...value] : [];
    const read = (written) => {
        const parts = written.split(/[,，\n\t]/).map((part) => part.trim()).filter(Boolean);
        return what.type === "number" ? parts.map(Number).filter(Number.isInteger) : parts;
    };
    const box = h("span", { class: "rk-chips" });
    const tell = () => set(chosen.length ? [...chosen] : undefined);
    const add = (values) => {
        const fresh = values.filter((each) => !chosen.includes(each));
        if (!fresh.length) return;
        chosen.push(...fresh);
        draw();
        tell();
        site.say(fill(site.words.value_added, { value: fresh.join(", ") }));
    };
    const take = (each) => {
        chosen.splice(chosen.indexOf(each), 1);
        draw();
        tell();
        combo.input.focus();
        site.say(fill(site.words.value_removed, { value: each }));
    };
    const combo = new Combobox({
        words: site.words, wait: Boolean(what.suggested), attributes: { ...site.named("value", site.words.values), placeholder: site.words.list_hint },
        find: async (written, signal) => (await site.suggest(what.suggested, written, signal)).filter((each) => !chosen.includes(each.value)),
        typed: (written) => { if (/[,，\n\t]/.test(written)) finish(written); },
        pick: (option) => { combo.input.value = ""; add([option.value]); },
    });
    const finish = (written) => {
        add(read(written));
        combo.input.value = "";
    };
    if (!what.suggested) combo.open = () => {};
    combo.input.addEventListener("change", () => finish(combo.input.value));
    combo.input.addEventListener("keydown", (event) => {
        if (event.key === "Enter" && combo.input.value.trim()) finish(combo.input.value);
        if (event.key === "Backspace" && !combo.input.value && chosen.length) take(chosen[chosen.length - 1]);
    });
    // The input stays where it is: taken out for a moment it would lose the caret.
    const draw = () => {
        box.querySelectorAll(".rk-chip").forEach((old) => old.remove());
        combo.input.before(...chosen.map((each) => h("span", { class: "rk-chip" }, String(each),
            iconButton("close", fill(site.words.remove_value, { value: each }), { onclick: () => take(each) }))));
    };
    box.append(combo.input);
    draw();
    return box;
}
