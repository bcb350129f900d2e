// Rows: a list of any length of which only what can be seen is in the document.

class Rows {
  // box scrolls; make(index) returns the element of a row.
  constructor(box, make) {
    this.box = box;
    this.make = make;
    this.count = 0;
    this.shown = new Map();
    this.space = el("div", { class: "space" });
    box.append(this.space);
    box.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(box);
  }

  get height() { return parseFloat(getComputedStyle(this.box).getPropertyValue("--row")) || 48; }

  // set says how many rows there are, and draws them anew.
  set(count) {
    this.count = count;
    this.space.style.height = count * this.height + "px";
    this.clear();
    this.draw();
  }

  clear() {
    for (const e of this.shown.values()) e.remove();
    this.shown.clear();
  }

  draw() {
    const h = this.height, more = 6;
    const first = Math.max(0, Math.floor(this.box.scrollTop / h) - more);
    const last = Math.min(this.count, Math.ceil((this.box.scrollTop + this.box.clientHeight) / h) + more);
    for (const [i, e] of this.shown) {
      if (i >= first && i < last) continue;
      e.remove();
      this.shown.delete(i);
    }
    for (let i = first; i < last; i++) {
      if (this.shown.has(i)) continue;
      const e = this.make(i);
      e.style.transform = `translateY(${i * h}px)`;
      this.shown.set(i, e);
      this.space.append(e);
    }
  }

  // reveal scrolls so that row i can be seen.
  reveal(i) {
    const h = this.height, top = i * h, box = this.box;
    if (top < box.scrollTop) box.scrollTop = top - h;
    else if (top + h > box.scrollTop + box.clientHeight) box.scrollTop = top + 2 * h - box.clientHeight;
    this.draw();
  }
}

