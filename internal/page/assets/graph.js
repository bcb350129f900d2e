// The netfilter picture as a graph: where its nodes are, and the ways between
// them. The functions in it are those of hooks.Places, which the first line has.

const inset = 20; // of the way within a function's cell

// Two ways of putting the same picture: for wide screens and for narrow ones.
const layouts = {
  wide: {
    view: [1000, 478],
    local: { x: 170, y: 12, w: 754, h: 48 }, localAt: [547, 36],
    LOCAL_IN: { x: 170, y: 98, w: 284, h: 150 },
    LOCAL_OUT: { x: 640, y: 98, w: 284, h: 150 },
    FORWARD: { x: 232, y: 320, w: 388, h: 98, across: true },
    pre: { x: 38, y: 350, w: 116, h: 40 }, post: { x: 722, y: 350, w: 130, h: 40 },
    route: [196, 370], in: [8, 370], out: [992, 370],
    inLabel: [8, 330, "start"], outLabel: [992, 330, "end"],
    loop: [[787, 370], [787, 456], [96, 456], [96, 370]], loopLabel: [426, 450],
    ipvsLabel: [547, 144],
  },
  tall: {
    view: [520, 560],
    local: { x: 14, y: 8, w: 492, h: 44 }, localAt: [260, 30],
    LOCAL_IN: { x: 14, y: 84, w: 234, h: 150 },
    LOCAL_OUT: { x: 272, y: 84, w: 234, h: 150 },
    FORWARD: { x: 76, y: 258, w: 200, h: 150 },
    pre: { x: 14, y: 432, w: 122, h: 40 }, post: { x: 236, y: 432, w: 126, h: 40 },
    route: [40, 340], in: [75, 530], out: [298, 530],
    inLabel: [75, 552, "middle"], outLabel: [298, 552, "middle"],
    loop: [[298, 452], [75, 452]], loopLabel: [186, 446],
    ipvsLabel: [204, 76],
  },
};

const hookID = (point, priority) => point + " " + priority;

// graph lays out the functions.
function graph(hooks, kind) {
  const l = layouts[kind];
  const g = { ...l, kind, nodes: {}, cells: [], edges: [] };
  const mid = (b) => [b.x + b.w / 2, b.y + b.h / 2];
  Object.assign(g.nodes, { in: l.in, out: l.out, pre: mid(l.pre), post: mid(l.post), route: l.route, local: l.localAt });
  const chain = {};
  for (const point of ["LOCAL_IN", "FORWARD", "LOCAL_OUT"]) {
    const b = l[point], title = 30, gap = 6;
    const here = hooks.filter((h) => h.point === point).sort((a, b) => a.priority - b.priority);
    chain[point] = here.map((h) => hookID(point, h.priority));
    here.forEach((h, i) => {
      const n = here.length, c = { hook: h, id: chain[point][i] };
      if (b.across) {
        c.w = (b.w - (n + 1) * gap) / n, c.h = b.h - title - gap;
        c.x = b.x + gap + i * (c.w + gap), c.y = b.y + title;
      } else {
        const row = point === "LOCAL_IN" ? n - 1 - i : i; // its packets go up
        c.w = b.w - 2 * gap, c.h = (b.h - title - n * gap) / n;
        c.x = b.x + gap, c.y = b.y + title + row * (c.h + gap);
      }
      g.cells.push(c);
      g.nodes[c.id] = [c.x + inset, c.y + (b.across ? inset : c.h / 2)];
    });
  }
  const link = (a, b, points, kind = "") => g.edges.push({ a, b, kind, points: [g.nodes[a], ...(points || []), g.nodes[b]] });
  const [x0, y0] = g.nodes.route, up = chain.LOCAL_IN, down = chain.LOCAL_OUT, over = chain.FORWARD;
  link("in", "pre");
  link("pre", "route", kind === "tall" ? [[x0, g.nodes.pre[1]]] : []);
  const series = (ids) => ids.slice(1).forEach((id, i) => link(ids[i], id));
  const first = (ids) => g.nodes[ids[0]], last = (ids) => g.nodes[ids[ids.length - 1]];
  link("route", up[0], [[first(up)[0], y0]]);
  series(up);
  link(up[up.length - 1], "local", [[last(up)[0], g.nodes.local[1]]]);
  link("local", down[0], [[first(down)[0], g.nodes.local[1]]]);
  series(down);
  const merge = [last(down)[0], g.nodes.post[1]];
  link(down[down.length - 1], "post", [merge]);
  link("route", over[0], [[x0, first(over)[1]]]);
  series(over);
  const [, yf] = last(over);
  link(over[over.length - 1], "post", [[merge[0], yf], merge]);
  link("post", "out");
  link(up[up.length - 1], down[0], [], "ipvs");
  g.edges.push({ a: "post", b: "pre", kind: "loop", points: l.loop });
  return g;
}

// way finds the points between two nodes: along the edges, else straight on.
function way(g, a, b) {
  if (a === b) return [g.nodes[a]];
  const from = { [a]: null }, queue = [a];
  while (queue.length) {
    const n = queue.shift();
    for (const e of g.edges) {
      if (e.a !== n || e.b in from) continue;
      from[e.b] = e;
      if (e.b === b) {
        let points = [];
        for (let x = b; x !== a; x = from[x].a) points = [...from[x].points, ...points];
        return points;
      }
      queue.push(e.b);
    }
  }
  return [g.nodes[a], g.nodes[b]];
}

// The place of a step in the picture, if it says where; prev otherwise.
const hostPlaces = {
  receive: "pre", mark: "pre", reassemble: "pre", routing: "route", sending: "local", deliver: "local",
  fragment: "post", resolve: "post", loop: "post", transmit: "out",
};

function placeOf(step, prev) {
  if (step.hook) return hookID(step.point, step.priority);
  if ((step.kind === "drop" || step.kind === "handle") && prev === "in") return "pre";
  return hostPlaces[step.kind] || prev;
}

// places returns where each step of a line is, and where its packet was before.
function places(line) {
  const now = new Map(), all = [];
  let last = line.interface === "local" ? "local" : "in";
  for (const s of line.steps || []) {
    let prev = now.get(s.packet);
    if (prev === undefined) {
      const p = (line.packets || []).find((x) => x.id === s.packet);
      prev = (p && now.get(p.parent)) || last;
    }
    const place = placeOf(s, prev);
    all.push({ from: prev, place });
    now.set(s.packet, place);
    last = place;
  }
  return all;
}

