// Live: the page hears of a daemon's packets while they come.

class Live {
  constructor(app) {
    this.app = app;
    this.due = 0; // a drawing
    this.ended = "";
    $("follow").hidden = false;
    $("follow").onclick = () => this.follow(!app.following);
    app.onleave = () => this.follow(false);
    this.follow(true);
  }

  // follow shows the newest packet from now on, or stays where one is.
  follow(on) {
    this.app.following = on;
    $("follow").setAttribute("aria-pressed", String(on));
    if (on) this.app.newest();
  }

  // run reads lines as long as they come.
  async run() {
    const answer = await fetch("lines", { cache: "no-store" });
    if (!answer.ok) throw new Error(await answer.text());
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const l of lines) this.app.model.add(l);
      if (this.app.model.moments.length > 2 * this.app.model.keep) this.app.trim(); // nobody looks, or draws
      this.due ||= setTimeout(() => this.draw(), 100);
    }
  }

  // end says that no more comes, and why.
  end(why) {
    this.ended = why;
    this.draw();
    this.follow(false);
    $("follow").disabled = true;
  }

  draw() {
    clearTimeout(this.due);
    this.due = 0;
    this.app.trim();
    this.app.grown();
    if (this.app.following) this.app.newest();
    const m = this.app.model, says = [];
    if (this.app.i >= 0) $("services").replaceChildren(...services(m, this.app.i)); // they count on
    if (m.left) says.push(`${number(m.left)} older packets have left the page`);
    if (m.lost) says.push(`${number(m.lost)} packets not told of: too many came`);
    if (this.ended) says.push(this.ended);
    $("notice").hidden = !says.length;
    $("notice").textContent = says.join("; ");
    if (m.start || this.ended) document.body.dataset.ready = "true";
  }
}

