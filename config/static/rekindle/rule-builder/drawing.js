/* Groups as indented cards, with the word between their conditions. */

import { h, icon, iconButton, select } from "./dom.js";
import { kindOf } from "./leaves.js";
import { handle } from "./menu.js";
import { Site } from "./site.js";
import { at, isGroup, keyOf } from "./tree.js";

const GROUP_WORDS = [["and", false], ["or", false], ["or", true], ["and", true]];

export function drawGroup(builder, path) {
    const node = at(builder.tree, path);
    const key = keyOf(path);
    const { words, catalogue } = builder;
    const children = node.rules.map((child, index) => h("li", {},
        index ? joint(builder, path, node) : null,
        isGroup(child) ? drawGroup(builder, [...path, index]) : drawLeaf(builder, [...path, index])));
    return h("fieldset", { class: "rk-group", "data-path": key, "data-node": key },
        h("legend", { class: "rk-visually-hidden" }, words[`group_${wordOf(node)}`]),
        h("div", { class: "rk-group-head" }, path.length ? handle(builder, path) : null, groupWord(builder, path, node), path.length ? remover(builder, path) : null),
        children.length ? h("ul", { class: "rk-rules" }, children) : h("p", { class: "rk-hint" }, path.length ? words.empty_group : words.empty),
        h("div", { class: "rk-buttons rk-tight" },
            adder(builder, path, words.add_condition, () => catalogue.first()),
            path.length + 2 <= catalogue.limits.depth
                ? adder(builder, path, words.add_group, () => ({ combinator: node.combinator === "and" ? "or" : "and", rules: [catalogue.first()] }))
                : null));
}

function drawLeaf(builder, path) {
    const node = at(builder.tree, path);
    const kind = kindOf(node, builder.catalogue);
    const help = kind.help?.(node, builder.catalogue);
    return h("div", { class: "rk-leaf", role: "group", "aria-label": builder.nameOf(node), "data-path": keyOf(path), "data-node": keyOf(path) },
        h("div", { class: "rk-parts" }, handle(builder, path), h("div", { class: "rk-sentence" }, kind.parts(node, new Site(builder, path))), remover(builder, path)),
        help ? h("p", { class: "rk-hint" }, help) : null);
}

const wordOf = (node) => `${node.combinator}${node.not ? "_not" : ""}`;

function setWord(builder, path, combinator, not, focus) {
    builder.change(path, (node) => {
        node.combinator = combinator;
        if (not) node.not = true;
        else delete node.not;
    }, { focus, said: builder.words[`group_${combinator}${not ? "_not" : ""}`] });
}

function groupWord(builder, path, node) {
    const options = GROUP_WORDS.map(([combinator, not]) => [`${combinator}${not ? "_not" : ""}`, builder.words[`group_${combinator}${not ? "_not" : ""}`]]);
    const focus = `${keyOf(path)}#word`;
    return select(options, wordOf(node), {
        "aria-label": builder.words.group, "data-focus": focus,
        onchange: (event) => setWord(builder, path, ...GROUP_WORDS[event.target.selectedIndex], focus),
    });
}

/* The word between two conditions turns at a touch. Who uses keys has the same at the head of the group. */
function joint(builder, path, node) {
    const other = node.combinator === "and" ? "or" : "and";
    return h("button", {
        type: "button", class: `rk-joint rk-joint-${node.combinator}`, tabindex: "-1", title: builder.words[`turn_${other}`],
        onclick: () => setWord(builder, path, other, Boolean(node.not), `${keyOf(path)}#word`),
    }, builder.words[node.combinator], icon("swap_vert"));
}

function adder(builder, path, label, make) {
    const full = builder.isFull;
    return h("button", {
        type: "button", class: "rk-button rk-small", disabled: full, title: full ? builder.words.full : null, "data-focus": `${keyOf(path)}#add`,
        onclick: () => builder.add(path, make()),
    }, icon("add"), label);
}

function remover(builder, path) {
    const node = at(builder.tree, path);
    const label = isGroup(node) ? builder.words.remove_group : builder.words.remove_condition;
    return iconButton("close", label, { class: "rk-remove", onclick: () => builder.remove(path) });
}
