/* The handle of a group or condition: walked from one to the next with the arrow keys, and a menu of what can be done. */

import { fill, h, icon } from "./dom.js";
import { Popup } from "./popup.js";
import { at, countLeaves, depthOf, isGroup, keyOf, steps } from "./tree.js";

/* What can be done with a node: its word, icon and keys, what it needs, and what it does. */
const ACTIONS = [
    { code: "up", icon: "arrow_upward", keys: "Alt+ArrowUp", can: ({ ways }) => ways.up, run: (builder, path, { ways }) => builder.move(path, ways.up) },
    { code: "down", icon: "arrow_downward", keys: "Alt+ArrowDown", can: ({ ways }) => ways.down, run: (builder, path, { ways }) => builder.move(path, ways.down) },
    { code: "into", icon: "subdirectory_arrow_right", keys: "Alt+ArrowRight", can: ({ ways }) => ways.into, run: (builder, path, { ways }) => builder.move(path, ways.into) },
    { code: "out", icon: "arrow_back", keys: "Alt+ArrowLeft", can: ({ ways }) => ways.out, run: (builder, path, { ways }) => builder.move(path, ways.out) },
    { code: "wrap", icon: "select_all", keys: "Alt+G", can: ({ room }) => room, run: (builder, path) => builder.wrap(path) },
    { code: "copy", icon: "content_copy", keys: "Alt+D", can: ({ space }) => space, run: (builder, path) => builder.copy(path) },
    { code: "remove", icon: "delete", keys: "Delete", can: () => true, run: (builder, path) => builder.remove(path) },
];

const pressed = (event) => `${event.altKey ? "Alt+" : ""}${event.altKey && /^Key[A-Z]$/.test(event.code) ? event.code.slice(3) : event.key}`;

function possible(builder, path) {
    const [tree, node] = [builder.tree, at(builder.tree, path)];
    const found = {
        ways: steps(tree, path, builder.catalogue.limits.depth),
        room: path.length + 1 + depthOf(node) <= builder.catalogue.limits.depth,
        space: countLeaves(tree) + countLeaves(node) <= builder.catalogue.limits.conditions,
    };
    return ACTIONS.filter((action) => action.can(found)).map((action) => ({ ...action, run: () => action.run(builder, path, found) }));
}

export function handle(builder, path) {
    const siblings = at(builder.tree, path.slice(0, -1)).rules;
    const node = at(builder.tree, path);
    const { words } = builder;
    const label = fill(isGroup(node) ? words.handle_group : words.handle_condition, {
        number: path[path.length - 1] + 1, count: siblings.length, name: builder.nameOf(node),
    });
    const button = h("button", {
        type: "button", class: "rk-handle", "aria-label": label, title: words.handle_title, "aria-haspopup": "menu", "aria-expanded": "false",
        "aria-keyshortcuts": ACTIONS.map((action) => action.keys).join(" "),
        "data-handle": keyOf(path), "data-focus": `${keyOf(path)}#handle`, tabindex: "-1",
        onclick: () => openMenu(builder, path, button), onkeydown: (event) => onKey(event, builder, path),
    }, icon("drag_indicator"));
    return button;
}

function onKey(event, builder, path) {
    const action = possible(builder, path).find((each) => each.keys === pressed(event));
    const step = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity }[pressed(event)];
    if (action) action.run();
    else if (step) walk(builder, event.currentTarget, step);
    else if (!event.altKey || !event.key.startsWith("Arrow")) return;
    event.preventDefault();
}

function walk(builder, from, step) {
    const handles = [...builder.canvas.querySelectorAll("[data-handle]")];
    handles[Math.max(0, Math.min(handles.length - 1, handles.indexOf(from) + step))]?.focus();
}

/** One handle can be reached with Tab: that of the node one is in. */
export function rove(builder, element) {
    const handles = [...builder.canvas.querySelectorAll("[data-handle]")];
    const own = element?.closest?.("[data-node]")?.querySelector("[data-handle]") || handles[0];
    handles.forEach((each) => { each.tabIndex = each === own ? 0 : -1; });
}

function openMenu(builder, path, button) {
    const items = possible(builder, path).map((action) => h("button", {
        type: "button", role: "menuitem", tabindex: "-1", "data-action": action.code,
        onclick: () => { popup.close(); action.run(); },
    }, icon(action.icon), h("span", {}, builder.words[`do_${action.code}`]), h("kbd", { "aria-hidden": "true" }, keysInWords(action.keys))));
    const menu = h("div", { class: "rk-menu", role: "menu", "aria-label": builder.words.handle_title }, items);
    const popup = new Popup(button, menu, { closed: () => button.setAttribute("aria-expanded", "false") });
    menu.addEventListener("keydown", (event) => {
        const now = items.indexOf(document.activeElement);
        const next = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: items.length - 1 }[event.key];
        if (next !== undefined) items[(next + items.length) % items.length].focus();
        else if (event.key === "Escape" || event.key === "Tab") { popup.close(); button.focus(); }
        else return;
        event.preventDefault();
        event.stopPropagation();
    });
    popup.open();
    button.setAttribute("aria-expanded", "true");
    items[0].focus();
}

const keysInWords = (keys) => keys.replace("ArrowUp", "↑").replace("ArrowDown", "↓").replace("ArrowLeft", "←").replace("ArrowRight", "→").replace("Delete", "Del");
