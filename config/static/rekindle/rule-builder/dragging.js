/* Moving with a mouse or a finger: a node is taken by its handle and put down between two others, or into a group. */

import { h } from "./dom.js";
import { at, depthOf, isGroup, keyOf, pathOf, startsWith } from "./tree.js";

const FAR_ENOUGH = 6;

export class Dragging {
    constructor(builder) {
        this.builder = builder;
        this.line = h("div", { class: "rk-drop-line", "aria-hidden": "true" });
        builder.canvas.addEventListener("pointerdown", (event) => this.take(event));
        builder.canvas.addEventListener("click", (event) => this.swallow(event), true);
    }

    take(event) {
        const handle = event.target.closest("[data-handle]");
        if (!handle || event.button) return;
        this.from = pathOf(handle.dataset.handle);
        this.start = { x: event.clientX, y: event.clientY };
        const follow = (moving) => this.follow(moving);
        const end = (done) => {
            for (const name of ["pointermove", "pointerup", "pointercancel"]) removeEventListener(name, name === "pointermove" ? follow : end);
            this.drop(done.type === "pointerup");
        };
        addEventListener("pointermove", follow);
        addEventListener("pointerup", end);
        addEventListener("pointercancel", end);
    }

    follow(event) {
        if (!this.dragging && Math.hypot(event.clientX - this.start.x, event.clientY - this.start.y) < FAR_ENOUGH) return;
        this.dragging = true;
        this.card ??= this.builder.canvas.querySelector(`[data-node="${keyOf(this.from)}"]`);
        this.card.classList.add("rk-dragged");
        this.target = this.targetAt(event.clientX, event.clientY);
        if (this.target) this.target.show(this.line);
        else this.line.remove();
    }

    /** Before or after the card under the pointer; at the end of a group whose foot it is over. */
    targetAt(x, y) {
        const card = document.elementFromPoint(x, y)?.closest("[data-node]");
        if (!card || !this.builder.canvas.contains(card)) return null;
        const path = pathOf(card.dataset.node);
        if (startsWith(path, this.from)) return null;
        const node = at(this.builder.tree, path);
        const box = card.getBoundingClientRect();
        const inside = isGroup(node) && (!path.length || (y > box.top + 14 && y < box.bottom - 10));
        const after = y > box.top + box.height / 2;
        const place = inside ? [...path, after ? node.rules.length : 0] : [...path.slice(0, -1), path[path.length - 1] + (after ? 1 : 0)];
        if (place.length + depthOf(at(this.builder.tree, this.from)) > this.builder.catalogue.limits.depth) return null;
        const list = card.querySelector(":scope > .rk-rules") || card;
        return { place, show: (line) => (inside ? list[after ? "append" : "prepend"](line) : card[after ? "after" : "before"](line)) };
    }

    drop(taken) {
        this.card?.classList.remove("rk-dragged");
        this.line.remove();
        const [from, place] = [this.from, this.target?.place];
        const wasDragged = this.dragging;
        Object.assign(this, { from: null, card: null, target: null, dragging: false, dragged: wasDragged });
        setTimeout(() => { this.dragged = false; });
        if (!taken || !wasDragged || !place) return;
        // Places are told as they are before the move; in its own group everything after the node moves up.
        const sameGroup = keyOf(from.slice(0, -1)) === keyOf(place.slice(0, -1));
        const to = sameGroup && place[place.length - 1] > from[from.length - 1] ? place.with(-1, place[place.length - 1] - 1) : place;
        if (keyOf(to) !== keyOf(from)) this.builder.move(from, to);
    }

    /** The click that ends a drag opens no menu. */
    swallow(event) {
        if (!this.dragged) return;
        event.preventDefault();
        event.stopPropagation();
    }
}
