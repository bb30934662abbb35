/* What can be undone: states in a row, and where we stand. States are never changed. */

const SAME_TYPING_MS = 1500;
const MOST = 200;

export class History {
    constructor(state) {
        this.states = [state];
        this.index = 0;
    }

    get state() {
        return this.states[this.index];
    }

    get canUndo() {
        return this.index > 0;
    }

    get canRedo() {
        return this.index < this.states.length - 1;
    }

    /** Keeps a state. Typing on in one input (`what`) is one thing to undo, not one for each letter. */
    push(state, what = "") {
        const now = performance.now();
        const goesOn = what && what === this.what && now - this.since < SAME_TYPING_MS && this.index > 0;
        this.states = this.states.slice(0, goesOn ? this.index : this.index + 1).slice(-MOST);
        this.states.push(state);
        this.index = this.states.length - 1;
        this.what = what;
        this.since = now;
    }

    undo() {
        return this.go(-1);
    }

    redo() {
        return this.go(1);
    }

    go(distance) {
        const wanted = this.index + distance;
        if (wanted < 0 || wanted >= this.states.length) return null;
        this.index = wanted;
        this.what = "";
        return this.state;
    }
}
