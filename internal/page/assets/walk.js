// What a step says, and all steps of a packet.

const verdictClass = (v) => (v ? v.toLowerCase() : "");

// where names the place of a step.
function where(s) {
  if (s.hook) return `${s.point} ${s.priority} ${s.hook}`;
  return s.host ? "this host" : "IPVS";
}

// change shows a value that changed.
function change(old, now) {
  return [el("del", {}, old || "none"), " → ", el("ins", {}, now || "none")];
}

// card shows step k with its reason.
function card(facts, line, k) {
  const s = (line.steps || [])[k];
  if (!s) return [el("h2", {}, "Nothing to step through"), el("p", {}, line.text)];
  const doc = facts.reasons[s.reason];
  const rows = (s.changes || []).map((c) => el("tr", {}, el("th", { scope: "row" }, (c.quoted ? "quoted " : "") + c.layer + " " + c.field), el("td", {}, change(c.old, c.new))));
  return [
    el("p", { class: "where" }, el("span", { class: "nr" }, `step ${k + 1} of ${line.steps.length}`), el("strong", {}, where(s)), " ", el("code", {}, s.func)),
    el("p", { class: "said" }, s.verdict && el("span", { class: "verdict " + verdictClass(s.verdict) }, s.verdict), s.kind === "hook" ? "enters: " + s.text : s.text),
    s.state && stateChange(s.state),
    s.choice && choice(s.choice),
    rows.length > 0 && el("table", { class: "changes" }, el("caption", {}, "Changed in the packet"), el("tbody", {}, rows)),
    ...(s.added || []).map((l) => el("p", { class: "added" }, "+ header ", oneLine(l))),
    ...(s.removed || []).map((l) => el("p", { class: "removed" }, "− header ", oneLine(l))),
    s.output && el("p", { class: "out" }, line.outputs[s.output - 1].summary),
    doc && el("div", { class: "reason" }, el("p", {}, el("span", { class: "chip" }, s.reason), " ", sentence(doc.meaning)), doc.advice && el("p", { class: "advice" }, doc.advice)),
  ].filter(Boolean);
}

const sentence = (t) => (t ? t[0].toUpperCase() + t.slice(1) + (/[.!?]$/.test(t) ? "" : ".") : "");

const oneLine = (l) => l.name + " " + l.fields.filter((f) => f.name !== "checksum").map((f) => f.name + " " + f.value).join(", ");

// stateChange shows what a state machine did.
function stateChange(s) {
  return el("p", { class: "machine" }, el("span", { class: "stateof" }, s.from), s.from !== s.to && [" → ", el("span", { class: "stateof to" }, s.to)],
    el("span", { class: "quiet" }, ` ${s.direction}${s.event ? " " + s.event : ""}, ${+s.timeout.toFixed(3)} s to live`));
}

// choice shows a scheduler's figures: whom it could take, and whom it took.
function choice(c) {
  const loads = c.servers.some((x) => x.load), slots = c.servers.some((x) => x.slots), most = 12;
  const shown = c.servers.filter((x, i) => i < most || x.address === c.dest);
  const cols = ["server", "weight", "active", "inact", loads && "load", slots && "slots", "why"].filter(Boolean);
  return el("div", { class: "choice" },
    el("p", {}, el("span", { class: "chip" }, c.scheduler), " ", sentence(c.rule)),
    (c.figures || []).map((f) => el("p", { class: "quiet" }, f.name + ": " + f.value)),
    el("div", { class: "wide" }, el("table", {}, el("thead", {}, el("tr", {}, cols.map((h) => el("th", { scope: "col" }, h)))),
      el("tbody", {}, shown.map((x) => el("tr", { class: x.address === c.dest && x.why === "server-chosen" ? "chosen" : "" },
        el("th", { scope: "row" }, x.address), ...[x.weight, x.active, x.inactive, ...(loads ? [x.load || 0] : []), ...(slots ? [x.slots || 0] : [])].map((v) => el("td", { class: "num" }, String(v))),
        el("td", {}, x.why.replace(/^server-/, "").replaceAll("-", " "))))))),
    shown.length < c.servers.length && el("p", { class: "quiet" }, `… and ${c.servers.length - shown.length} more`));
}

// steps lists the steps of a line, under the functions that they are in.
function stepList(line, k, go) {
  const groups = [];
  let at = null, about = 0;
  (line.steps || []).forEach((s, i) => {
    if (s.packet && s.packet !== about && (about || s.packet > 1)) {
      const p = line.packets.find((x) => x.id === s.packet);
      groups.push(el("p", { class: "made" }, `packet ${line.n || ""}${s.packet > 1 ? "." + s.packet : ""} (${kinds[p.kind] || p.kind}): ${p.summary}`));
      at = null;
    }
    about = s.packet || about;
    const place = s.hook ? hookID(s.point, s.priority) : "";
    if (!at || at.place !== place || s.kind === "hook") {
      at = { place, list: el("ol", { start: i + 1 }) };
      groups.push(el("section", { class: s.hook ? "in-hook" : "in-host" },
        el("h3", {}, s.hook ? [`${s.point} ${s.priority} `, el("strong", {}, s.hook)] : "this host"), at.list));
    }
    at.list.append(el("li", { class: (i === k ? "now " : i > k ? "later " : "") + verdictClass(s.verdict), "aria-current": i === k ? "step" : null },
      el("button", { type: "button", onclick: () => go(i), tabindex: "-1" }, el("code", {}, s.func),
        el("span", {}, s.verdict && el("b", { class: "verdict " + verdictClass(s.verdict) }, s.verdict), s.text))));
  });
  return groups;
}

const kinds = { input: "itself", "icmp-error": "ICMP error", fragment: "fragment", copy: "copy for this host", kept: "kept" };

