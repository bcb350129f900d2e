// Picture draws the graph, and a packet on its way through it.

class Picture {
  constructor(box, start) {
    this.box = box;
    this.hooks = start.hooks;
    this.narrow = matchMedia("(max-width: 640px)");
    this.narrow.addEventListener("change", () => { this.build(); this.again && this.again(); });
    this.build();
  }

  build() {
    const g = (this.g = graph(this.hooks, this.narrow.matches ? "tall" : "wide"));
    const ends = (p) => p.map(([x, y]) => x + "," + y).join(" ");
    const box = (b, text, cls) => svg("g", { class: cls },
      svg("rect", { x: b.x, y: b.y, width: b.w, height: b.h, rx: 10 }),
      svg("text", { x: b.x + b.w / 2, y: b.y + b.h / 2 + 5, "text-anchor": "middle" }, text));
    const point = (name) => svg("g", { class: "point", "data-point": name },
      svg("rect", { x: g[name].x, y: g[name].y, width: g[name].w, height: g[name].h, rx: 12 }),
      svg("text", { x: g[name].x + (g[name].across ? 12 : 42), y: g[name].y + 21 }, name));
    const [rx, ry] = g.route;
    this.cells = new Map();
    const cells = g.cells.map((c) => {
      const e = svg("g", { class: "cell", "data-hook": c.id },
        svg("title", {}, `${c.hook.point} ${c.hook.priority} ${c.hook.name} (${c.hook.func}): ${c.hook.purpose}`),
        svg("rect", { x: c.x, y: c.y, width: c.w, height: c.h, rx: 8 }),
        svg("text", { class: "name", x: c.x + 36, y: c.y + (g[c.hook.point].across ? 25 : c.h / 2 - 2) }, c.hook.name, svg("tspan", { class: "priority", dx: 7 }, String(c.hook.priority))),
        svg("text", { class: "func", x: c.x + (g[c.hook.point].across ? 14 : 36), y: c.y + (g[c.hook.point].across ? 47 : c.h / 2 + 16) }, c.hook.func));
      const mark = svg("text", { class: "mark", x: c.x + c.w - 10, y: c.y + 19, "text-anchor": "end" });
      e.append(mark);
      this.cells.set(c.id, { e, mark });
      return e;
    });
    this.trail = svg("g", { class: "trail" });
    this.dot = svg("circle", { r: 9 });
    this.name = svg("text", { class: "token-name", y: -14, "text-anchor": "middle" });
    this.token = svg("g", { class: "token", visibility: "hidden" }, svg("circle", { class: "halo", r: 15 }), this.dot, this.name);
    this.inName = svg("text", { class: "device", x: g.inLabel[0], y: g.inLabel[1], "text-anchor": g.inLabel[2] });
    this.outName = svg("text", { class: "device", x: g.outLabel[0], y: g.outLabel[1], "text-anchor": g.outLabel[2] });
    this.ends = {};
    for (const n of ["local", "pre", "post"]) this.ends[n] = box(g[n], { local: "local processes", pre: "PREROUTING", post: "POSTROUTING" }[n], "node");
    this.ends.route = svg("g", { class: "node route" }, svg("polygon", { points: `${rx - 20},${ry} ${rx},${ry - 20} ${rx + 20},${ry} ${rx},${ry + 20}` }),
      svg("text", { x: rx - (g.kind === "tall" ? 18 : 24), y: ry + 38, "text-anchor": g.kind === "tall" ? "start" : "middle" }, "routing"));
    this.box.replaceChildren(svg("svg", { viewBox: "0 0 " + g.view.join(" "), role: "img", "aria-labelledby": "caption", class: g.kind },
      svg("defs", {}, svg("marker", { id: "tip", viewBox: "0 0 10 10", refX: 9, refY: 5, markerWidth: 8, markerHeight: 8, orient: "auto-start-reverse" }, svg("path", { d: "M0 0L10 5L0 10z" }))),
      ["LOCAL_IN", "LOCAL_OUT", "FORWARD"].map(point),
      svg("g", { class: "edges" }, g.edges.map((e) => svg("polyline", { points: ends(e.points), class: e.kind, "marker-end": e.b === "out" ? "url(#tip)" : null }))),
      this.trail,
      Object.values(this.ends), cells,
      svg("text", { class: "hint", x: g.ipvsLabel[0], y: g.ipvsLabel[1], "text-anchor": "middle" }, "IPVS sends on"),
      svg("text", { class: "hint", x: g.loopLabel[0], y: g.loopLabel[1], "text-anchor": "middle" }, "lo"),
      this.inName, this.outName, this.token));
  }

  // show puts the packet of step k of a line where it is. moved: it comes from
  // the step before.
  show(line, k, moved) {
    this.again = () => this.show(line, k, false);
    const g = this.g, steps = line.steps || [], all = places(line);
    for (const c of this.cells.values()) c.e.setAttribute("class", "cell"), (c.mark.textContent = "");
    for (const e of Object.values(this.ends)) e.classList.remove("seen", "now");
    this.trail.replaceChildren();
    this.inName.textContent = line.interface && line.interface !== "local" ? line.interface : "in";
    this.outName.textContent = "out";
    if (k < 0 || !all[k]) {
      this.token.setAttribute("visibility", "hidden");
      return;
    }
    for (let i = 0; i <= k; i++) {
      const { from, place } = all[i], s = steps[i];
      if (from !== place) {
        const pts = way(g, from, place);
        this.trail.append(svg("polyline", { points: pts.map((p) => p.join(",")).join(" "), class: (s.packet || 1) > 1 ? "made" : "" }));
      }
      const cell = this.cells.get(place), end = this.ends[place];
      if (end) end.classList.add("seen");
      if (cell) {
        cell.e.classList.add("seen");
        if (s.verdict && s.hook) {
          cell.e.dataset.verdict = s.verdict;
          cell.mark.textContent = s.verdict;
          cell.mark.setAttribute("class", "mark " + s.verdict.toLowerCase());
        }
      }
      if (s.output) this.outName.textContent = line.outputs[s.output - 1].interface;
    }
    const { from, place } = all[k], s = steps[k];
    const here = this.cells.get(place);
    if (here) here.e.classList.add("now");
    if (this.ends[place]) this.ends[place].classList.add("now");
    this.token.setAttribute("visibility", "visible");
    this.token.setAttribute("class", "token " + fate(line, s));
    this.name.textContent = (s.packet || 1) > 1 ? (line.n || "") + "." + s.packet : line.n || "";
    const points = moved && from !== place ? way(g, from, place) : [g.nodes[place]];
    this.move(points);
  }

  // move lets the token run along points.
  move(points) {
    const last = points[points.length - 1], at = ([x, y]) => `translate(${x}px, ${y}px)`;
    this.token.style.transform = at(last);
    if (this.running) this.running.cancel();
    if (points.length < 2 || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    let far = 0;
    const way = points.map((p, i) => (far += i ? Math.hypot(p[0] - points[i - 1][0], p[1] - points[i - 1][1]) : 0));
    if (!far) return;
    this.running = this.token.animate(points.map((p, i) => ({ transform: at(p), offset: way[i] / far })), { duration: 260 + far * 0.6, easing: "ease-in-out" });
  }
}

// fate is how a step leaves the packet, for its colour.
function fate(line, s) {
  if (s.verdict === "DROP") return "lost";
  if (s.verdict === "STOLEN") return "stolen";
  if (s.kind === "transmit" || s.kind === "deliver") return "sent";
  if (s.kind === "resolve" || s.kind === "queue") return "waiting";
  return "";
}

