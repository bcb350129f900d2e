// App: what is shown, and how one moves.

class App {
  constructor(facts) {
    this.facts = facts;
    this.words = "";
    this.outcomes = new Set();
    this.following = false; // the newest packet is shown
    this.onleave = () => {}; // called when somebody goes elsewhere
    this.list = new Rows($("list"), (r) => this.row(r));
    this.connRows = new Rows($("conns"), (r) => connRow(this.conns[r]));
    this.reset();
    this.controls();
  }

  // reset begins with nothing known.
  reset() {
    this.pause();
    this.model = new Model(this.facts.live ? this.facts.live.keep : Infinity);
    this.i = -1; // moment
    this.k = -1; // step
    this.found = [];
    this.conns = [];
    this.picture = null;
  }

  // grown is called when the model has more lines.
  grown() {
    if (!this.model.start) return;
    if (!this.picture) {
      this.picture = new Picture($("picture"), this.model.start);
      $("about").textContent = `Linux ${this.model.start.kernel}`;
    }
    $("slider").max = Math.max(0, this.model.moments.length - 1);
    this.filter(false);
    if (this.i < 0 && this.model.moments.length) this.open();
    if (this.i >= 0) this.label();
    this.strip();
  }

  // trim has the model let go of what is too old.
  trim() {
    const gone = this.model.trim();
    if (!gone || this.i < 0) return;
    const shown = this.i - gone;
    this.i = -1;
    this.filter(false);
    this.go(shown, shown < 0 ? 0 : this.k);
  }

  // newest shows the newest packet of those found, at its end.
  newest() {
    if (this.found.length) this.go(this.found[this.found.length - 1], Infinity);
  }

  // replace shows other lines.
  replace(lines) {
    this.reset();
    for (const l of lines) this.model.add(l);
    this.grown();
  }

  // open goes where the address says, else to the first packet.
  open() {
    const want = new URLSearchParams(location.hash.slice(1));
    const n = +want.get("packet"), step = +(want.get("step") || 1) - 1;
    const moment = want.has("moment") ? +want.get("moment") - 1 : this.model.packets.get(n);
    if (moment !== undefined && this.model.moments[moment]) return this.go(moment, step);
    if (n && !this.model.end) return; // it may come yet
    this.go(this.model.packets.get(1) ?? 0, 0);
  }

  // go shows step k of moment i. moved: the packet comes from the step before.
  go(i, k, moved = false) {
    const last = this.model.moments.length - 1;
    if (last < 0) return;
    i = Math.min(Math.max(i, 0), last);
    const line = this.model.line(i), steps = (line.steps || []).length;
    k = Math.min(Math.max(k, 0), steps - 1);
    const other = i !== this.i;
    this.i = i;
    this.k = k;
    const m = this.model.moments[i];
    if (!this.following) history.replaceState(null, "", (m.n ? "#packet=" + m.n : "#moment=" + (i + 1)) + (k >= 0 ? "&step=" + (k + 1) : ""));
    this.picture.show(line, k, moved);
    $("card").replaceChildren(...card(this.facts, line, k));
    $("steps").replaceChildren(...stepList(line, k, (to) => this.go(i, to, to === this.k + 1)));
    reveal($("steps"), $("steps").querySelector(".now"));
    const at = layersAt(line, k);
    $("headers").replaceChildren(...headers(at));
    $("headers-of").textContent = at ? `packet ${line.n || ""}${at.packet.id > 1 ? "." + at.packet.id : ""} after this step` : "";
    if (other) this.moment(m);
  }

  // moment shows what holds for all steps of one.
  moment(m) {
    $("banner").className = "banner " + m.outcome;
    $("banner").replaceChildren(
      el("p", { class: "what" }, el("strong", {}, m.n ? "Packet " + m.n : m.type === "command" ? "Command" : "Time passes"),
        m.iface && el("span", { class: "quiet" }, m.iface === "local" ? " from a process of this host" : " in by " + m.iface), el("span", { class: "quiet" }, " at " + seconds(m.time))),
      el("p", { class: "summary" }, m.summary),
      el("p", { class: "fate" }, m.outcome && el("b", {}, signs[m.outcome] + " " + m.outcome), m.verdict));
    $("services").replaceChildren(...services(this.model, m.i));
    this.conns = this.model.connsAt(m.i).sort((a, b) => b.fresh - a.fresh || b.id - a.id);
    $("conns-count").textContent = this.conns.length ? number(this.conns.length) : "none";
    $("conns").style.height = Math.min(this.conns.length, 8) * this.connRows.height + "px";
    $("conns").scrollTop = 0;
    this.connRows.set(this.conns.length);
    for (const e of document.querySelectorAll(".moment")) e.textContent = "after " + (m.n ? "packet " + m.n : "this");
    const said = this.model.listings.filter((l) => l.at === m.i);
    $("listing-box").hidden = !said.length;
    $("listings").replaceChildren(...said.flatMap((l) => [el("p", { class: "quiet" }, l.command), el("pre", {}, l.text)]));
    $("slider").value = m.i;
    this.label();
    const r = this.place(m.i);
    this.list.clear();
    if (r >= 0) this.list.reveal(r);
    this.list.draw();
    $("list").setAttribute("aria-activedescendant", r >= 0 ? "row-" + m.i : "");
    this.mark();
  }

  // label says at which moment this is.
  label() {
    const m = this.model.moments[this.i];
    const label = `${m.n ? `packet ${number(m.n)} of ${number(this.model.left + this.model.packets.size)}` : m.type}, ${seconds(m.time)}`;
    $("slider").setAttribute("aria-valuetext", label);
    $("clock").textContent = label;
  }

  // place is the row of a moment, -1 where the search leaves it out.
  place(i) {
    let low = 0, high = this.found.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      if (this.found[mid] < i) low = mid + 1;
      else high = mid;
    }
    return this.found[low] === i ? low : -1;
  }

  row(r) {
    const m = this.model.moments[this.found[r]];
    return el("div", {
      id: "row-" + m.i, role: "option", class: "row " + (m.outcome || m.type), "aria-selected": String(m.i === this.i),
      "aria-posinset": r + 1, "aria-setsize": this.found.length, onclick: () => { this.leave(); this.go(m.i, 0); },
    },
    el("span", { class: "sign", title: m.outcome || m.type }, signs[m.outcome]),
    el("span", { class: "n" }, m.n ? String(m.n) : m.type === "timer" ? "time" : "cmd"),
    el("span", { class: "t" }, m.time.toFixed(6)),
    el("span", { class: "if" }, m.iface || ""),
    el("span", { class: "sum" }, m.summary),
    el("span", { class: "why" }, m.verdict));
  }

  // filter finds what is searched.
  filter(reveal = true) {
    const m = this.model;
    this.found = m.matching(this.words, this.outcomes);
    this.list.set(this.found.length);
    const all = m.moments.length, packets = m.packets.size;
    $("count").textContent = this.found.length === all ? `${number(packets)} packets` : `${number(this.found.length)} of ${number(all)} lines`;
    if (reveal && this.found.length && this.place(this.i) < 0) this.go(this.found[0], 0);
    else if (this.place(this.i) >= 0) this.list.reveal(this.place(this.i));
    this.chips();
  }

  chips() {
    const counts = {};
    for (const m of this.model.moments) if (m.outcome) counts[m.outcome] = (counts[m.outcome] || 0) + 1;
    const key = JSON.stringify([counts, [...this.outcomes]]);
    if (key === this.chipsKey) return;
    this.chipsKey = key;
    $("outcomes").replaceChildren(...["sent", "delivered", "waiting", "lost", "handled"].filter((o) => counts[o]).map((o) =>
      el("button", { type: "button", class: "chip " + o, "aria-pressed": String(this.outcomes.has(o)), onclick: () => this.toggle(o) }, `${signs[o]} ${o} ${number(counts[o])}`)));
  }

  toggle(outcome) {
    if (!this.outcomes.delete(outcome)) this.outcomes.add(outcome);
    this.filter();
  }

  // strip colours the time line by what became of the packets.
  strip() {
    const c = $("strip"), all = this.model.moments;
    const width = (c.width = Math.max(1, c.clientWidth * devicePixelRatio)), ctx = c.getContext("2d");
    ctx.clearRect(0, 0, width, c.height);
    const rank = { lost: 5, waiting: 4, sent: 3, delivered: 2, handled: 1 }, worst = [];
    all.forEach((m, i) => {
      const x = Math.floor((i / Math.max(1, all.length)) * width);
      if ((rank[m.outcome] || 0) > (rank[worst[x]] || 0)) worst[x] = m.outcome;
    });
    const w = Math.max(1, width / Math.max(1, all.length) - 1);
    const colour = {};
    for (const o of Object.keys(rank)) {
      const probe = el("i", { class: o });
      c.after(probe);
      colour[o] = getComputedStyle(probe).color;
      probe.remove();
    }
    worst.forEach((o, x) => {
      if (!o) return;
      ctx.fillStyle = colour[o];
      const h = c.height * (o === "lost" ? 1 : o === "waiting" ? 0.8 : 0.5);
      ctx.fillRect(x, c.height - h, w, h);
    });
    this.mark();
  }

  mark() {
    const n = this.model.moments.length;
    $("strip").style.setProperty("--at", n > 1 ? this.i / (n - 1) : 0);
  }

  // forward and back go by steps; at a packet's end on to the next in the list.
  forward() {
    const steps = (this.model.line(this.i).steps || []).length;
    if (this.k + 1 < steps) return this.go(this.i, this.k + 1, true), true;
    return this.beside(1, 0);
  }

  back() {
    if (this.k > 0) return this.go(this.i, this.k - 1), true;
    return this.beside(-1, Infinity);
  }

  // beside goes to the next or the previous moment of those found.
  beside(by, k) {
    let r = this.place(this.i);
    if (r < 0) r = by > 0 ? this.found.findIndex((i) => i > this.i) : this.found.findLastIndex((i) => i < this.i);
    else r += by;
    if (r < 0 || r >= this.found.length) return false;
    this.go(this.found[r], k);
    return true;
  }

  edge(last) {
    if (this.found.length) this.go(this.found[last ? this.found.length - 1 : 0], 0);
  }

  play() {
    if (this.timer) return this.pause();
    this.timer = setInterval(() => this.forward() || this.pause(), 1300);
    this.playing(true);
    this.forward() || this.pause();
  }

  // leave is what a move by hand does first.
  leave() {
    this.pause();
    if (this.following) this.onleave();
  }

  pause() {
    clearInterval(this.timer);
    this.timer = 0;
    this.playing(false);
  }

  playing(on) {
    $("play").firstElementChild.setAttribute("class", on ? "on" : "");
    $("play").setAttribute("aria-pressed", String(on));
    $("play").setAttribute("aria-label", on ? "Pause" : "Play");
  }

  controls() {
    const by = (f) => () => { this.leave(); f(); };
    $("first").onclick = by(() => this.edge(false));
    $("last").onclick = by(() => this.edge(true));
    $("back").onclick = by(() => this.back());
    $("next").onclick = by(() => this.forward());
    $("play").onclick = () => { if (this.following) this.onleave(); this.play(); };
    $("slider").oninput = by(() => this.go(+$("slider").value, 0));
    $("search").oninput = () => { this.words = $("search").value; this.filter(); };
    $("help").onclick = () => $("keys").showModal();
    $("keys").onclose = () => $("list").focus();
    $("print").onclick = () => print();
    $("theme").onclick = () => this.theme();
    addEventListener("hashchange", () => { if (this.model.moments.length) this.open(); });
    addEventListener("resize", () => this.strip());
    addEventListener("keydown", (e) => this.key(e));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.strip());
  }

  // theme goes from what the system wants to the other one and back.
  theme() {
    const root = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = root.dataset.theme ? "" : dark ? "light" : "dark";
    if (!root.dataset.theme) delete root.dataset.theme;
    this.strip();
  }

  key(e) {
    if (e.ctrlKey || e.metaKey || e.altKey || $("keys").open) return;
    const typing = e.target.closest("input:not([type=range]), textarea, select");
    if (e.key === "Escape" && e.target === $("search")) {
      $("search").value = this.words = "";
      this.filter();
      return $("list").focus();
    }
    if (typing && !(e.target === $("search") && ["ArrowDown", "ArrowUp", "Enter"].includes(e.key))) return;
    if (e.key === " " && e.target.closest("button, summary")) return;
    const done = {
      ArrowRight: () => this.forward(), ArrowLeft: () => this.back(),
      ArrowDown: () => this.beside(1, 0), ArrowUp: () => this.beside(-1, 0), Enter: () => e.target === $("search") && $("list").focus(),
      Home: () => this.edge(false), End: () => this.edge(true),
      PageDown: () => this.beside(10, 0) || this.edge(true), PageUp: () => this.beside(-10, 0) || this.edge(false),
      " ": () => this.play(), "/": () => $("search").focus(), "?": () => $("keys").showModal(),
    }[e.key];
    if (!done || (e.key === "Enter" && e.target !== $("search"))) return;
    e.preventDefault();
    if (e.key !== " ") this.leave();
    else if (this.following) this.onleave();
    done();
  }
}

// reveal scrolls box alone so that e can be seen in it.
function reveal(box, e) {
  if (!e) return;
  const b = box.getBoundingClientRect(), r = e.getBoundingClientRect();
  if (r.top < b.top) box.scrollTop -= b.top - r.top + 8;
  else if (r.bottom > b.bottom) box.scrollTop += r.bottom - b.bottom + 24;
}

