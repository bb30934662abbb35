/* The shop's own values, asked of the server as somebody types; what was asked once is remembered while the page is open. */

export class Suggestions {
    constructor(address) {
        this.address = address;
        this.known = new Map();
    }

    async find(source, text, signal) {
        const key = JSON.stringify([source, text]);
        if (!this.known.has(key)) {
            const response = await fetch(`${this.address}?${new URLSearchParams({ of: source, q: text })}`, { signal });
            if (!response.ok) throw new Error(String(response.status));
            this.known.set(key, (await response.json()).values);
        }
        return this.known.get(key);
    }
}
