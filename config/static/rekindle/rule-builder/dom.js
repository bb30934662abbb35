/* Making elements, and putting values into the sentences that the page brings along. */

let made = 0;

/** An id that no other element of the page has. */
export function uid() {
    made += 1;
    return `rk-${made}`;
}

/** An element; `on…` attributes are listeners, true and false say whether an attribute stands there at all. */
export function h(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
        if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
        else if (value === true) element.setAttribute(name, "");
        else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
    }
    element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== "" && child !== false));
    return element;
}

export function icon(name) {
    return h("span", { class: "material-symbols-outlined", "aria-hidden": "true" }, name);
}

/** A button that is an icon with a name for those who do not see it. */
export function iconButton(name, label, attributes) {
    return h("button", { type: "button", "aria-label": label, title: label, ...attributes }, icon(name));
}

export function select(options, chosen, attributes) {
    const found = options.map(([value, label]) => {
        const option = h("option", { value }, label);
        option.selected = value === chosen;
        return option;
    });
    return h("select", { class: "rk-input", ...attributes }, found);
}

const PLACE = /%\((\w+)\)[sd]/;

/** A sentence with texts in its places: fill("line %(line)s", {line: 3}). */
export function fill(sentence, values) {
    return sentence.replace(new RegExp(PLACE, "g"), (_whole, name) => String(values[name] ?? ""));
}

/** A sentence with elements in its places, in the order of the language it is written in. */
export function spoken(sentence, parts) {
    return sentence.split(PLACE).map((piece, index) => {
        if (index % 2) return parts[piece] ?? null;
        return piece.trim() ? h("span", { class: "rk-word" }, piece.trim()) : null;
    });
}
