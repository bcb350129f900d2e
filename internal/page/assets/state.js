// Headers, services and connections as they were at a moment.

// headers shows a packet's headers after a step.
function headers(at) {
  if (!at) return [el("p", { class: "quiet" }, "No packet.")];
  return at.layers.map((l) => el("section", { class: "layer " + (l.is || "") + (l.quoted ? " quoted" : "") },
    el("h3", {}, l.name, l.quoted && el("small", {}, " quoted"), l.is && el("small", {}, " " + l.is)),
    el("dl", {}, l.fields.map((f) => el("div", { class: "old" in f ? "changed" : "" }, el("dt", {}, f.name), el("dd", {}, "old" in f ? change(f.old, f.value) : f.value))))));
}

// services shows services and servers; what is new at this moment stands out.
function services(model, i) {
  const all = model.servicesAt(i);
  if (!all.length) return [el("p", { class: "quiet" }, "No services.")];
  return all.map((s) => {
    const before = model.serviceBefore(s.key, i);
    const was = new Map(((before && before.servers) || []).map((d) => [d.address, d]));
    const most = 20, servers = s.servers || [];
    const more = [...(s.flags || []).filter((f) => f !== "persistent"), s.timeout && "persistent " + s.timeout + (s.netmask ? " " + s.netmask : ""), s.pe && "pe " + s.pe].filter(Boolean);
    return el("section", { class: "service" },
      el("h3", {}, s.key, " ", el("span", { class: "chip" }, s.scheduler), more.map((f) => [" ", el("span", { class: "chip soft" }, f)])),
      el("table", {},
        el("thead", {}, el("tr", {}, [["server"], ["forward"], ["weight"], ["active", "connections in an active state"], ["inact", "and in others"], ["in", "packets from clients"], ["out", "packets to clients"]].map(([h, title]) => el("th", { scope: "col", title }, h)))),
        el("tbody", {}, servers.slice(0, most).map((d) => {
          const o = was.get(d.address) || (before === null || before === undefined ? d : { stats: {} });
          const num = (now, old) => el("td", { class: "num" + (now !== old ? " changed" : "") }, number(now));
          return el("tr", { class: d.overloaded ? "overloaded" : "" },
            el("th", { scope: "row" }, d.address, d.overloaded && el("small", {}, " overloaded")), el("td", {}, d.forward + (d.tunnel ? " " + d.tunnel : "")),
            num(d.weight, o.weight), num(d.active, o.active), num(d.inactive, o.inactive),
            num(d.stats.in_pkts, o.stats.in_pkts), num(d.stats.out_pkts, o.stats.out_pkts));
        }))),
      !servers.length && el("p", { class: "quiet" }, "No servers."),
      servers.length > most && el("p", { class: "quiet" }, `… and ${servers.length - most} more servers`));
  });
}

// conn shows a connection in a row of its table.
function connRow(c) {
  return el("div", { role: "row", class: "conn" + (c.fresh ? " fresh" : "") },
    el("span", { role: "cell" }, (c.protocol || "") + (c.template ? " template" : "")),
    el("span", { role: "cell" }, minutes(c.expires)),
    el("span", { role: "cell", class: "stateof" }, c.state),
    el("span", { role: "cell", class: "long" }, c.client, el("i", {}, " → "), c.virtual || "mark " + c.mark, el("i", {}, " → "), c.dest),
    el("span", { role: "cell", class: "quiet" }, "#" + c.id + " " + c.forward + (c.control ? " of #" + c.control : "")));
}

