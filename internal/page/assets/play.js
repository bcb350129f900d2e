// The playground: the engine itself, in a worker, on what is typed or dropped.

const workerCode = `
onmessage = async ({ data }) => {
  try {
    if (data.module) {
      const go = new Go();
      go.run(await WebAssembly.instantiate(data.module, go.importObject));
      return postMessage({ ready: true });
    }
    const error = goipvs(data, (text) => postMessage({ id: data.id, text }));
    postMessage({ id: data.id, done: true, error });
  } catch (e) {
    postMessage({ id: data.id, done: true, error: String(e) });
  }
};`;

class Playground {
  constructor(app) {
    this.app = app;
    this.id = 0;
    this.sources = []; // {name, bytes}; typed packets have none
    this.source = null;
    if (!$("engine")) return;
    $("play-toggle").hidden = false;
    $("play-toggle").onclick = () => this.open(!this.opened);
    $("example").append(el("option", { value: "" }, "examples…"), ...examples.map((x, i) => el("option", { value: i }, x.name)));
    $("example").onchange = () => this.example($("example").value);
    $("kernel").append(...app.facts.kernels.map((k) => el("option", {}, k)));
    $("kernel").onchange = () => this.run();
    for (const id of ["setup", "typed", "timeline", "iface"]) {
      $(id).addEventListener("input", () => this.soon());
      $(id).addEventListener("keydown", (e) => { if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) { e.preventDefault(); this.run(); } });
    }
    $("source").onchange = () => { this.choose(+$("source").value); this.run(); };
    $("run").onclick = () => this.run();
    $("save").onclick = () => this.save();
    $("open").onchange = () => { for (const f of $("open").files) this.file(f); $("open").value = ""; };
    $("add-syn").onclick = () => this.add("TCP SYN");
    $("add-udp").onclick = () => this.add("UDP length 60");
    $("add-reply").onclick = () => this.answer("reply", "");
    $("add-error").onclick = () => this.answer("error", " unreachable");
    addEventListener("dragover", (e) => { e.preventDefault(); document.body.classList.add("dropping"); });
    addEventListener("dragleave", (e) => { if (!e.relatedTarget) document.body.classList.remove("dropping"); });
    addEventListener("drop", (e) => {
      e.preventDefault();
      document.body.classList.remove("dropping");
      this.open(true);
      for (const f of e.dataTransfer.files) this.file(f);
    });
  }

  // open shows the playground; the first time it begins with what the page shows.
  async open(on) {
    this.opened = on;
    $("playground").hidden = !on;
    document.body.classList.toggle("playing", on);
    $("play-toggle").setAttribute("aria-expanded", String(on));
    this.app.strip();
    if (!on || this.begun) return;
    this.begun = true;
    const m = this.app.model;
    if (!m.packets.size) {
      this.offer();
      return this.example(0);
    }
    $("setup").value = m.start.setup.join("\n") + "\n";
    $("kernel").value = m.start.kernel;
    $("timeline").value = m.moments.filter((x) => x.type === "command").map((x) => `at ${x.time} ${m.line(x.i).command}\n`).join("");
    this.sources.push({ name: this.app.facts.title, bytes: await pcapng(m) });
    this.offer();
    this.choose(0);
    this.said("change something");
  }

  // offer lists where packets can come from.
  offer() {
    $("source").replaceChildren(...this.sources.map((s, i) => el("option", { value: i }, "capture " + s.name)), el("option", { value: -1 }, "typed, one a line"));
    $("source").value = this.source ? this.sources.indexOf(this.source) : -1;
  }

  choose(i) {
    this.source = this.sources[i] || null;
    $("source").value = this.source ? i : -1;
    $("typed").hidden = $("adders").hidden = !!this.source;
    $("captured").hidden = !this.source;
  }

  example(i) {
    const x = examples[i];
    if (!x) return;
    $("example").value = i;
    $("setup").value = x.setup;
    $("typed").value = x.typed;
    this.choose(-1);
    history.replaceState(null, "", "#packet=1&step=1");
    this.run();
  }

  async file(f) {
    const bytes = new Uint8Array(await f.arrayBuffer());
    if (isCapture(bytes)) {
      this.sources.push({ name: f.name, bytes });
      $("timeline").value = "";
      this.offer();
      this.choose(this.sources.length - 1);
    } else {
      $("setup").value = new TextDecoder().decode(bytes);
    }
    this.run();
  }

  // add types a packet from a client to the first service of its protocol.
  add(what) {
    const flag = what.startsWith("UDP") ? "-u" : "-t", setup = $("setup").value;
    const service = (setup.match(new RegExp(`-A\\s+${flag}\\s+(\\S+)`)) || setup.match(/-A\s+-[tu]\s+(\S+)/) || ["", "203.0.113.10:80"])[1];
    const v6 = service.startsWith("["), clients = [...$("typed").value.matchAll(/^(?:\S+\s+)?(\S+)\s+(\S+):(\d+)\s+>/gm)].filter((m) => m[2].startsWith("[") === v6);
    const last = clients[clients.length - 1];
    const from = last ? `${last[1]} ${last[2]}:${+last[3] % 65535 + 1}` : `${(setup.match(/dev\s+(\S+)/) || ["", "eth0"])[1]} ${v6 ? "[2001:db8:1::100]" : "192.0.2.100"}:40000`;
    this.type(`${from} > ${service} ${what}`);
  }

  // answer types an answer to what the packet shown put out.
  answer(how, kind) {
    const m = this.app.model, line = this.app.i >= 0 && m.line(this.app.i);
    let n = line && line.n && line.outputs ? line.n : 0;
    if (!n) for (const [k, i] of m.packets) if (m.line(i).outputs) n = k;
    if (!n) return this.fail("No packet has put anything out that could be answered.");
    this.type(`${how} ${n}${kind}`);
  }

  type(line) {
    const t = $("typed");
    t.value = t.value.replace(/\s*$/, "\n").replace(/^\n/, "") + line + "\n";
    t.scrollTop = t.scrollHeight;
    const n = t.value.split("\n").filter((l) => l.replace(/#.*/, "").trim()).length;
    history.replaceState(null, "", `#packet=${n}&step=1`);
    this.run();
  }

  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.run(), 500);
  }

  said(text) { $("play-state").textContent = text; }

  fail(text) {
    $("play-error").hidden = !text;
    $("play-error").textContent = text;
  }

  // engine starts the worker, unless it waits for work.
  async engine() {
    if (this.worker && !this.busy) return this.worker;
    if (this.worker) this.worker.terminate(); // it is still at what nobody wants any more
    this.module ||= WebAssembly.compileStreaming(new Response(unpack($("engine").textContent), { headers: { "Content-Type": "application/wasm" } }));
    const url = URL.createObjectURL(new Blob([$("glue").textContent, workerCode], { type: "text/javascript" }));
    const w = (this.worker = new Worker(url));
    w.postMessage({ module: await this.module });
    await new Promise((ready, failed) => {
      w.onmessage = ({ data }) => (data.error ? failed(new Error(data.error)) : ready());
      w.onerror = (e) => failed(new Error(e.message));
    });
    URL.revokeObjectURL(url);
    return w;
  }

  // run plays what is there, and shows it in place of what was there.
  async run() {
    clearTimeout(this.timer);
    const id = ++this.id, began = performance.now(), app = this.app;
    document.body.dataset.played = "";
    this.fail("");
    this.said("running…");
    let w;
    try {
      w = await this.engine();
    } catch (e) {
      this.worker = null;
      return this.fail(e.message);
    }
    if (id !== this.id) return;
    const lines = [];
    this.busy = true;
    w.onmessage = ({ data }) => {
      if (data.id !== this.id) return;
      if (data.text) return void lines.push(...data.text.split("\n").slice(0, -1));
      this.busy = false;
      this.fail(data.error);
      this.said(data.error ? "" : `${Math.round(performance.now() - began)} ms`);
      if (!data.error) app.replace(lines);
      document.body.dataset.played = String(data.id);
    };
    w.onerror = (e) => { this.worker = null; this.busy = false; this.fail(e.message); document.body.dataset.played = String(id); };
    w.postMessage({
      id, setup: $("setup").value, timeline: this.source ? $("timeline").value : "", packets: $("typed").value,
      capture: this.source && this.source.bytes, iface: $("iface").value.trim(), kernel: $("kernel").value,
    });
  }

  // save writes the packets as a capture, for goipvs explain --setup.
  async save() {
    const url = URL.createObjectURL(new Blob([await pcapng(this.app.model)]));
    el("a", { href: url, download: "packets.pcapng" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  }
}

