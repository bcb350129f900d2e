// Making elements.

const $ = (id) => document.getElementById(id);

// el makes an element: attributes, then children (strings are text).
function el(name, attrs, ...children) {
  return fill(document.createElement(name), attrs, children);
}

// svg makes an element of SVG.
function svg(name, attrs, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attrs, children);
}

function fill(e, attrs, children) {
  for (const [k, v] of Object.entries(attrs || {})) {
    if (v === null || v === undefined || v === false) continue;
    if (k.startsWith("on")) e.addEventListener(k.slice(2), v);
    else e.setAttribute(k, v === true ? "" : v);
  }
  e.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
  return e;
}

// seconds writes a time with microseconds, as explain does.
const seconds = (t) => t.toFixed(6) + " s";

// minutes writes how long something lives as ipvsadm does: MM:SS.
function minutes(t) {
  const s = Math.ceil(t);
  return String(Math.floor(s / 60)).padStart(2, "0") + ":" + String(s % 60).padStart(2, "0");
}

const signs = { sent: "→", delivered: "⌂", waiting: "…", lost: "✕", handled: "•", "": "◦" };

const number = (n) => n.toLocaleString("en");

