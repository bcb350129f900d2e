// Captures: the page's packets as a pcapng file
// (draft-ietf-opsawg-pcapng-02 §4), to be played again or saved.

const linkTypes = { ethernet: 1, raw: 101, sll: 113, sll2: 276 };

// pcapng writes the packets of a model as they were in its capture.
function pcapng(model) {
  const parts = [], ifaces = new Map();
  const pad = (n) => (4 - (n % 4)) % 4;
  const block = (type, size, write) => {
    const total = 12 + size + pad(size), b = new DataView(new ArrayBuffer(total));
    b.setUint32(0, type, true);
    b.setUint32(4, total, true);
    write(b, new Uint8Array(b.buffer));
    b.setUint32(total - 4, total, true);
    parts.push(b);
  };
  block(0x0a0d0d0a, 16, (b) => {
    b.setUint32(8, 0x1a2b3c4d, true);
    b.setUint16(12, 1, true);
    b.setBigUint64(16, 0xffffffffffffffffn, true);
  });
  for (const i of model.packets.values()) {
    const line = model.line(i), key = line.interface + "\n" + line.link;
    if (!ifaces.has(key)) {
      const name = new TextEncoder().encode(line.interface);
      ifaces.set(key, ifaces.size);
      block(1, 8 + 4 + name.length + pad(name.length) + 8 + 4, (b, u) => {
        b.setUint16(8, linkTypes[line.link], true);
        b.setUint16(16, 2, true); // if_name
        b.setUint16(18, name.length, true);
        u.set(name, 20);
        const o = 20 + name.length + pad(name.length);
        b.setUint16(o, 9, true); // if_tsresol: nanoseconds
        b.setUint16(o + 2, 1, true);
        b.setUint8(o + 4, 9);
      });
    }
    const hex = line.frame || "", n = hex.length / 2, cut = line.text.includes("has only its beginning") ? 1 : 0;
    block(6, 20 + n, (b, u) => {
      const at = nanoseconds(model.start.epoch) + nanoseconds(line.time);
      b.setUint32(8, ifaces.get(key), true);
      b.setUint32(12, Number(at >> 32n), true);
      b.setUint32(16, Number(at & 0xffffffffn), true);
      b.setUint32(20, n, true);
      b.setUint32(24, n + cut, true);
      for (let k = 0; k < n; k++) u[28 + k] = parseInt(hex.substr(2 * k, 2), 16);
    });
  }
  return new Blob(parts).arrayBuffer().then((b) => new Uint8Array(b));
}

const nanoseconds = (s) => BigInt(Math.floor(s)) * 1000000000n + BigInt(Math.round((s - Math.floor(s)) * 1e9));

// isCapture tells a capture, gzipped or not, from text.
function isCapture(bytes) {
  const magic = [...bytes.slice(0, 4)].map((b) => b.toString(16).padStart(2, "0")).join("");
  return magic.startsWith("1f8b") || ["0a0d0d0a", "d4c3b2a1", "a1b2c3d4", "4d3cb2a1", "a1b23c4d"].includes(magic);
}

