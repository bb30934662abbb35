/* The rule as a tree of plain JSON. Paths are lists of indexes; every change gives a new tree and leaves the old one be. */

export const isGroup = (node) => Array.isArray(node?.rules);

export const at = (tree, path) => path.reduce((node, index) => node?.rules?.[index], tree);

/** The path as the server writes it: rules[0].rules[2]. */
export const keyOf = (path) => path.map((index) => `rules[${index}]`).join(".");

/** The node that a server's path speaks of: rules[0].rules[2].value belongs to [0, 2]. */
export function pathOf(key) {
    const [own] = key.match(/^(?:\.?rules\[\d+\])*/);
    return [...own.matchAll(/\d+/g)].map(([digits]) => Number(digits));
}

export const parentOf = (path) => path.slice(0, -1);
const last = (path) => path[path.length - 1];

/** How many groups stand inside one another; a condition counts none. */
export function depthOf(node) {
    return isGroup(node) ? 1 + Math.max(0, ...node.rules.map(depthOf)) : 0;
}

export function countLeaves(node) {
    return isGroup(node) ? node.rules.reduce((sum, child) => sum + countLeaves(child), 0) : 1;
}

/** Every path below the root, in the order of the page. */
export function paths(tree, here = []) {
    return tree.rules.flatMap((child, index) => {
        const path = [...here, index];
        return isGroup(child) ? [path, ...paths(child, path)] : [path];
    });
}

export function changed(tree, path, change) {
    const copy = structuredClone(tree);
    change(at(copy, path));
    return copy;
}

export function inserted(tree, path, node) {
    return changed(tree, parentOf(path), (group) => group.rules.splice(last(path), 0, structuredClone(node)));
}

export function removed(tree, path) {
    return changed(tree, parentOf(path), (group) => group.rules.splice(last(path), 1));
}

/** Where a node may go by a step in each direction; a direction without a place is left out. */
export function steps(tree, path, deepest) {
    const [parent, index] = [parentOf(path), last(path)];
    const siblings = at(tree, parent).rules;
    const found = {
        up: index > 0 ? [...parent, index - 1] : out(path, 0),
        down: index < siblings.length - 1 ? [...parent, index + 1] : out(path, 1),
        out: out(path, 1),
        into: into(siblings, parent, index),
    };
    const fits = (target) => target && target.length - 1 + depthOf(at(tree, path)) < deepest;
    return Object.fromEntries(Object.entries(found).filter(([, target]) => fits(target)));
}

/** Beside the group that holds the node; at the root there is nowhere to go. */
function out(path, after) {
    if (path.length < 2) return null;
    const group = parentOf(path);
    return [...parentOf(group), last(group) + after];
}

/** To the end of the group above, or to the head of the group below. Places are told as they are before the move. */
function into(siblings, parent, index) {
    const above = siblings[index - 1];
    if (isGroup(above)) return [...parent, index - 1, above.rules.length];
    return isGroup(siblings[index + 1]) ? [...parent, index + 1, 0] : null;
}

/** The tree with the node at `to`, and where it stands then. A group that is left without anything goes. */
export function moved(tree, from, to) {
    const node = structuredClone(at(tree, from));
    const sameGroup = keyOf(parentOf(from)) === keyOf(parentOf(to));
    let grown = removed(tree, from);
    let target = sameGroup ? to : shifted(to, from);
    grown = inserted(grown, target, node);
    const left = shiftedIn(parentOf(from), target);
    if (left.length && at(grown, left)?.rules?.length === 0) {
        grown = removed(grown, left);
        target = shifted(target, left);
    }
    return { tree: grown, path: target };
}

/** A path after the node at `gone` was taken out. */
function shifted(path, gone) {
    const level = gone.length - 1;
    const beside = path.length > level && keyOf(path.slice(0, level)) === keyOf(parentOf(gone));
    return beside && path[level] > gone[level] ? path.with(level, path[level] - 1) : path;
}

/** A path after a node was put in at `come`. */
function shiftedIn(path, come) {
    const level = come.length - 1;
    const beside = path.length > level && keyOf(path.slice(0, level)) === keyOf(parentOf(come));
    return beside && path[level] >= come[level] ? path.with(level, path[level] + 1) : path;
}

export const startsWith = (path, beginning) => beginning.every((index, level) => path[level] === index);
