// Model: the lines of explain --json (docs/explain-json.md), and what services
// and connections were at each moment. A moment is a packet, a command or a time.

class Model {
  // keep is how many moments there are at most; then the oldest leave.
  constructor(keep = Infinity) {
    this.keep = keep;
    this.left = 0; // packets that are gone
    this.lost = 0; // packets that were never told of
    this.start = null;
    this.end = null;
    this.moments = [];
    this.listings = [];
    this.packets = new Map(); // number → index of its moment
    this.services = new Map(); // key → versions
    this.conns = new Map(); // id → versions
    this.parsed = new Map();
  }

  // add takes a line.
  add(text) {
    const line = JSON.parse(text);
    switch (line.type) {
      case "start":
        this.start = line;
        for (const s of line.services || []) version(this.services, s.key, -1, s);
        break;
      case "listing":
        this.listings.push({ at: this.moments.length - 1, ...line });
        break;
      case "end":
        this.end = line;
        break;
      case "services":
        for (const s of line.services || []) version(this.services, s.key, this.moments.length - 1, s);
        for (const key of line.gone || []) version(this.services, key, this.moments.length - 1, null);
        break;
      case "lost":
        this.lost += line.packets;
        break;
      default:
        this.moment(line, text);
    }
  }

  moment(line, text) {
    const i = this.moments.length;
    const said = new Set((line.steps || []).map((s) => s.reason));
    this.moments.push({
      i, text, type: line.type, n: line.n, time: line.time, iface: line.interface,
      summary: line.summary, outcome: line.outcome || "", reason: line.reason || "", verdict: line.text,
      find: [line.n ? "#" + line.n : line.type, line.interface, line.summary, line.text, line.outcome, ...said].join(" ").toLowerCase(),
    });
    if (line.n) this.packets.set(line.n, i);
    for (const s of line.services || []) version(this.services, s.key, i, s);
    for (const key of line.gone || []) version(this.services, key, i, null);
    for (const c of line.conns || []) version(this.conns, c.id, i, c, line.time);
    for (const id of line.ended || []) version(this.conns, id, i, null);
  }

  // trim has the oldest moments leave, a tenth more than must, so that it isn't
  // done for each. It returns how many.
  trim() {
    if (this.moments.length <= this.keep) return 0;
    const gone = this.moments.length - Math.floor(this.keep * 0.9);
    for (const m of this.moments.splice(0, gone)) if (m.n) this.left++;
    this.packets.clear();
    for (const m of this.moments) {
      m.i -= gone;
      if (m.n) this.packets.set(m.n, m.i);
    }
    this.parsed.clear();
    for (const map of [this.services, this.conns]) {
      for (const [key, all] of map) {
        for (const v of all) v.at -= gone;
        const before = all.findLastIndex((v) => v.at < 0);
        if (before >= 0) {
          all.splice(0, before);
          all[0].at = -1;
          if (!all[0].value) all.shift();
        }
        if (!all.length) map.delete(key);
      }
    }
    this.listings = this.listings.filter((l) => (l.at -= gone) >= 0);
    return gone;
  }

  // line returns all that is known of moment i.
  line(i) {
    let line = this.parsed.get(i);
    if (!line) {
      if (this.parsed.size > 64) this.parsed.clear();
      line = JSON.parse(this.moments[i].text);
      this.parsed.set(i, line);
    }
    return line;
  }

  // servicesAt and connsAt return what there was after moment i.
  servicesAt(i) { return [...this.services.values()].map((v) => at(v, i)).filter((v) => v).map((v) => v.value); }

  connsAt(i) {
    const now = this.moments[i] ? this.moments[i].time : 0;
    const all = [];
    for (const versions of this.conns.values()) {
      const v = at(versions, i);
      if (v) all.push({ ...v.value, expires: Math.max(0, v.value.expires - (now - v.time)), fresh: v.at === i });
    }
    return all;
  }

  // serviceBefore returns a service as it was before moment i.
  serviceBefore(key, i) {
    const v = at(this.services.get(key) || [], i - 1);
    return v && v.value;
  }

  // matching returns the indices of moments that have all words and one of the
  // outcomes, if any are asked for.
  matching(words, outcomes) {
    const want = words.toLowerCase().split(/\s+/).filter(Boolean);
    const found = [];
    for (const m of this.moments) {
      if (outcomes.size && !outcomes.has(m.outcome)) continue;
      if (want.every((w) => m.find.includes(w))) found.push(m.i);
    }
    return found;
  }
}

// version notes what something is from moment i on, whose time is given where that
// matters; null: it is gone.
function version(map, key, i, value, time) {
  let all = map.get(key);
  if (!all) map.set(key, (all = []));
  if (all.length && all[all.length - 1].at === i) all.pop();
  all.push({ at: i, value, time });
}

// at finds the version that held after moment i.
function at(versions, i) {
  let low = 0, high = versions.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    if (versions[mid].at <= i) low = mid + 1;
    else high = mid;
  }
  const v = versions[low - 1];
  return v && v.value ? v : null;
}

// layersAt returns a packet's headers as they were after step k, with what that
// step changed: fields have old, layers have is "added" or "removed".
function layersAt(line, k) {
  const step = line.steps[k];
  const packet = step && (line.packets || []).find((p) => p.id === step.packet);
  if (!packet) return null;
  let layers = structuredClone(packet.layers);
  line.steps.slice(0, k + 1).forEach((s, n) => {
    if (s.packet === packet.id) layers = applied(layers, s, n === k);
  });
  return { packet, layers };
}

function applied(layers, s, show) {
  for (const gone of s.removed || []) {
    const i = layers.findIndex((l) => l.name === gone.name && !l.is);
    if (i < 0) continue;
    if (show) layers[i].is = "removed";
    else layers.splice(i, 1);
  }
  for (const c of s.changes || []) {
    const layer = layers.find((l) => l.name === c.layer && !l.quoted === !c.quoted && !l.is && (c.old === "" || l.fields.some((f) => f.name === c.field && f.value === c.old)));
    if (!layer) continue;
    const field = layer.fields.find((f) => f.name === c.field);
    if (!field) layer.fields.push({ name: c.field, value: c.new, ...(show && { old: "" }) });
    else if (c.new === "" && !show) layer.fields.splice(layer.fields.indexOf(field), 1);
    else Object.assign(field, { value: c.new }, show && { old: c.old });
  }
  if (s.added) {
    const added = structuredClone(s.added).map((l) => (show ? { ...l, is: "added" } : l));
    const first = /^IPv[46]$/.test(added[0].name);
    layers = first ? [...added, ...layers] : [...layers, ...added];
  }
  return layers;
}

