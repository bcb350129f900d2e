// What the page begins with.

// unpack returns what base64 text of gzipped data holds, as a stream.
function unpack(text) {
  const raw = atob(text), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
}

// load gives the lines of the page to the app, and lets it draw in between.
async function load(app) {
  const reader = unpack($("lines").textContent).pipeThrough(new TextDecoderStream()).getReader();
  let rest = "", drawn = 0;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const l of lines) app.model.add(l);
    if (performance.now() - drawn < 100) continue;
    app.grown();
    await new Promise((r) => setTimeout(r));
    drawn = performance.now();
  }
  app.grown();
}

const facts = JSON.parse($("facts").textContent);
const app = new App(facts);
if (facts.live) {
  const live = new Live(app);
  live.run().then(() => live.end("the trace has ended" + ((app.model.end && app.model.end.notes) || []).map((n) => ": " + n).join("")), (e) => live.end(e.message));
} else {
  const playground = new Playground(app);
  load(app).then(() => {
    document.body.dataset.ready = "true";
    if (!app.model.start) playground.open(true);
  }, (e) => {
    $("notice").hidden = false;
    $("notice").textContent = "This page can't be read: " + e.message;
  });
}
