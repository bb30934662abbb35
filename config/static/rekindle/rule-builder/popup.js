/* What opens over the page: a list or a menu beside what it belongs to, above everything, never outside the screen. */

const MARGIN = 8;

/** Shows `element` below `anchor` until somebody clicks elsewhere, or close() is called. */
export class Popup {
    constructor(anchor, element, { closed = () => {} } = {}) {
        this.anchor = anchor;
        this.element = element;
        this.closed = closed;
        this.elsewhere = (event) => {
            if (!element.contains(event.target) && !anchor.contains(event.target)) this.close();
        };
        this.follow = (event) => {
            if (!(event?.target instanceof Node) || !element.contains(event.target)) this.place();
        };
    }

    open() {
        if (this.isOpen || !this.anchor.isConnected) return;
        this.isOpen = true;
        this.anchor.closest("[data-rule-builder]").append(this.element);
        this.element.classList.add("rk-popup");
        if (this.element.showPopover) {
            this.element.popover = "manual";
            this.element.showPopover();
        }
        this.place();
        document.addEventListener("pointerdown", this.elsewhere, true);
        window.addEventListener("scroll", this.follow, true);
        window.addEventListener("resize", this.follow);
    }

    place() {
        const box = this.anchor.getBoundingClientRect();
        if (!this.anchor.isConnected) {
            this.close();
            return;
        }
        const [width, height] = [this.element.offsetWidth, this.element.offsetHeight];
        const below = window.innerHeight - box.bottom - MARGIN;
        const above = below < Math.min(height, 240) && box.top > below;
        this.element.style.maxHeight = `${Math.max(120, (above ? box.top : below) - MARGIN)}px`;
        this.element.style.left = `${Math.max(MARGIN, Math.min(box.left, document.documentElement.clientWidth - width - MARGIN))}px`;
        this.element.style.top = above ? "auto" : `${box.bottom + 3}px`;
        this.element.style.bottom = above ? `${window.innerHeight - box.top + 3}px` : "auto";
    }

    close() {
        if (!this.isOpen) return;
        this.isOpen = false;
        document.removeEventListener("pointerdown", this.elsewhere, true);
        window.removeEventListener("scroll", this.follow, true);
        window.removeEventListener("resize", this.follow);
        this.element.remove();
        this.closed();
    }
}
