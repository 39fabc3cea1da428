// A conversation is a tree: an edited question, or another answer, stands beside the earlier version.

/** The messages of one conversation; each has `id`, `parent` (an id or null) and `author`. */
export class Tree {
  constructor(messages = []) {
    this.messages = new Map(messages.map((message) => [message.id, message]));
  }

  add(message) {
    this.messages.set(message.id, message);
  }

  /** Return the id of the latest message, or null. */
  get latest() {
    return this.messages.size ? Math.max(...this.messages.keys()) : null;
  }

  /** Return the messages from the beginning to `leaf`. */
  way(leaf) {
    const way = [];
    for (let message = this.messages.get(leaf); message; message = this.messages.get(message.parent)) way.unshift(message);
    return way;
  }

  /** Return the versions of a message, the oldest first; a message that is not kept yet (no id) comes last. */
  versions(message) {
    const kept = this.children(message.parent).filter((other) => other.author === message.author);
    return kept.some((other) => other.id === message.id) ? kept : [...kept, message];
  }

  /** Return the id of the latest message that came after `id`, following the latest version each time. */
  leaf(id) {
    const next = this.children(id).at(-1);
    return next ? this.leaf(next.id) : id;
  }

  children(parent) {
    return [...this.messages.values()].filter((message) => message.parent === parent).sort((a, b) => a.id - b.id);
  }
}
