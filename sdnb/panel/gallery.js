// The page's side of `Gallery` (gallery.py says which messages there are).
//
// An `Album` holds what was sent, one for each widget; a `View` shows it, one for each output. Texts are
// set as text, never as markup. Colours and sizes are the style sheet's.

const FULL_SIZES = 8; // kept in the page; the others are sent again
const GRACE = 2000; // milliseconds in which tiles that were named are still on the way
const WAIT = 4000; // milliseconds until a tile that does not come says what it waits for

/** Make an element: `on…` are listeners, `text` is its text, the rest attributes (none where null). */
function make(tag, { text, ...given } = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null) element.setAttribute(name, value);
  }
  if (text !== undefined) element.textContent = text;
  element.append(...children);
  return element;
}

class Album {
  constructor(model) {
    this.model = model;
    this.words = model.get("words");
    this.tiles = new Map(); // by id: what Python said, with the thumbnail's address
    this.full = new Map(); // by id: {blob, url}, the latest used last
    this.waiting = new Map(); // by id: those who wait for a full size
    this.views = new Set();
    model.on("msg:custom", (message, buffers) => this.hear(message, buffers));
    model.on("change:ids", () => this.follow());
    model.on("change:notice", () => this.tell());
    this.ask();
  }

  get ids() {
    return this.model.get("ids");
  }

  say(key, values = {}) {
    let text = this.words[key];
    for (const [name, value] of Object.entries(values)) text = text.replace(`{${name}}`, () => value);
    return text;
  }

  send(message, buffers = []) {
    this.model.send(message, undefined, buffers);
  }

  tell() {
    for (const view of this.views) view.update();
  }

  /** Drop what is gone; ask for what does not come, as it was sent before this page listened. */
  follow() {
    const ids = new Set(this.ids);
    for (const [id, tile] of this.tiles) {
      if (ids.has(id)) continue;
      URL.revokeObjectURL(tile.url);
      this.tiles.delete(id);
      this.forget(id);
    }
    this.asking ??= setTimeout(() => this.ask(), GRACE);
    this.tell();
  }

  ask() {
    this.asking = undefined;
    const missing = this.ids.filter((id) => !this.tiles.has(id));
    if (missing.length) this.send({ kind: "want", ids: missing });
  }

  forget(id) {
    if (this.full.has(id)) URL.revokeObjectURL(this.full.get(id).url);
    this.full.delete(id);
  }

  hear(message, buffers) {
    if (message.kind === "tiles") {
      message.tiles.forEach((tile, i) => {
        const old = this.tiles.get(tile.id);
        if (old) URL.revokeObjectURL(old.url);
        const data = buffers[i];
        tile.url = data.byteLength ? URL.createObjectURL(new Blob([data], { type: "image/jpeg" })) : "";
        this.tiles.set(tile.id, tile);
      });
    } else if (message.kind === "full") {
      const blob = message.error ? null : new Blob([buffers[0]], { type: "image/png" });
      if (blob) {
        this.full.set(message.id, { blob, url: URL.createObjectURL(blob) });
        while (this.full.size > FULL_SIZES) this.forget(this.full.keys().next().value);
      } else if (this.tiles.has(message.id)) {
        // Its file has left the store since the thumbnail was made.
        const tile = this.tiles.get(message.id);
        URL.revokeObjectURL(tile.url);
        this.tiles.set(message.id, { ...tile, url: "", state: "failed", why: message.error });
      }
      for (const settle of this.waiting.get(message.id) ?? []) settle(blob, message.error);
      this.waiting.delete(message.id);
    }
    this.tell();
  }

  /** Get a full size: what is here, or else it is sent and the views are told. */
  whole(id) {
    const found = this.full.get(id);
    if (found) {
      this.full.delete(id);
      this.full.set(id, found);
      return Promise.resolve(found.blob);
    }
    return new Promise((resolve, reject) => {
      const settle = (blob, error) => (blob ? resolve(blob) : reject(new Error(error)));
      if (this.waiting.has(id)) this.waiting.get(id).push(settle);
      else {
        this.waiting.set(id, [settle]);
        this.send({ kind: "full", id });
      }
    });
  }

  /** The best address of a picture that is here now; its full size is on the way. */
  source(id) {
    const tile = this.tiles.get(id);
    if (!tile || tile.state === "failed") return "";
    if (!this.full.has(id) && !this.waiting.has(id)) this.whole(id).catch(() => {});
    return this.full.get(id)?.url ?? tile.url;
  }

  close() {
    clearTimeout(this.asking);
    for (const tile of this.tiles.values()) URL.revokeObjectURL(tile.url);
    for (const id of [...this.full.keys()]) this.forget(id);
  }
}

class View {
  constructor(album, el) {
    this.album = album;
    this.shown = null; // id of the enlarged picture
    this.pair = null; // ids of the two that are compared
    this.picked = [];
    this.said = ""; // a line of the page's own, in the notice's place
    this.items = new Map(); // by id: the elements of a tile
    this.build(el);
    album.views.add(this);
    this.update();
  }

  close() {
    this.album.views.delete(this);
    this.leave.abort();
  }

  build(el) {
    const say = (key, values) => this.album.say(key, values);
    this.place = make("span", { class: "sdnb-quiet" });
    this.hint = make("span", { class: "sdnb-quiet" });
    this.compareButton = make("button", { type: "button", text: say("compare"), onclick: () => this.compare() });
    this.list = make("ul", { class: "sdnb-tiles", "aria-label": say("pictures") });
    this.empty = make("p", { class: "sdnb-empty sdnb-quiet" });
    this.notice = make("p", { class: "sdnb-notice", role: "status" });
    this.buildViewer(say);
    this.buildComparison(say);
    this.root = make(
      "section",
      // JupyterLab takes keys on their way down; this keeps the gallery's own from it.
      { class: "sdnb-gallery", "aria-label": say("pictures"), "data-lm-suppress-shortcuts": "true" },
      this.viewer,
      this.comparison,
      make("div", { class: "sdnb-choice" }, this.hint, this.compareButton),
      this.list,
      this.empty,
      this.notice,
    );
    this.root.addEventListener("keydown", (event) => this.onKey(event));
    this.leave = new AbortController();
    const listen = (name, listener) => document.addEventListener(name, listener, { signal: this.leave.signal });
    listen("dragover", (event) => this.onDrag(event));
    listen("drop", (event) => this.onDrop(event));
    listen("dragleave", () => this.root.classList.remove("sdnb-over"));
    listen("paste", (event) => this.onPaste(event));
    el.append(this.root);
  }

  buildViewer(say) {
    const button = (key, listener, extra = {}) =>
      make("button", { type: "button", text: say(key), onclick: listener, ...extra });
    const small = (key, sign, listener) =>
      make("button", { type: "button", text: sign, class: "sdnb-small", title: say(key), "aria-label": say(key), onclick: listener });
    const act = (action) => () => this.act(action);
    this.image = make("img", {});
    this.why = make("p", { class: "sdnb-why" });
    this.before = small("previous", "‹", () => this.walk(-1));
    this.after = small("next", "›", () => this.walk(1));
    this.pin = button("pin", act("pin"));
    this.use = button("use", act("use"));
    this.vary = button("vary", act("vary"), { title: say("vary_hint") });
    this.save = button("save", () => this.download(), { title: say("save_hint") });
    this.facts = make("dl", { class: "sdnb-facts" });
    const head = [this.before, this.place, this.after, small("close", "✕", () => this.shut())];
    this.viewer = make(
      "div",
      { class: "sdnb-viewer", role: "group", "aria-label": say("enlarged"), tabindex: "-1", hidden: "" },
      make("div", { class: "sdnb-stage" }, this.image, this.why),
      make(
        "div",
        { class: "sdnb-side" },
        make("div", { class: "sdnb-buttons" }, ...head),
        make("div", { class: "sdnb-buttons" }, this.use, this.vary, this.save, this.pin, button("copy", () => this.copy())),
        this.facts,
      ),
    );
    this.place.setAttribute("aria-live", "polite");
  }

  buildComparison(say) {
    this.left = make("img", { class: "sdnb-left", draggable: "false" });
    this.right = make("img", { draggable: "false" });
    this.names = [make("span"), make("span")];
    this.slider = make("input", { type: "range", min: "0", max: "100", "aria-label": say("slider") });
    this.slider.addEventListener("input", () => this.slide(this.slider.value));
    this.frame = make("div", { class: "sdnb-frame" }, this.right, this.left, make("div", { class: "sdnb-line" }));
    const pull = (event) => {
      if (event.type === "pointerdown") this.frame.setPointerCapture(event.pointerId);
      if (!this.frame.hasPointerCapture(event.pointerId)) return;
      const box = this.frame.getBoundingClientRect();
      this.slide((100 * (event.clientX - box.left)) / box.width);
    };
    this.frame.addEventListener("pointerdown", pull);
    this.frame.addEventListener("pointermove", pull);
    this.differences = make("table", { class: "sdnb-differences" });
    const close = make("button", {
      type: "button", text: "✕", class: "sdnb-small", title: say("close"), "aria-label": say("close"),
      onclick: () => this.shut(),
    });
    this.comparison = make(
      "div",
      { class: "sdnb-viewer", role: "group", "aria-label": say("compared"), tabindex: "-1", hidden: "" },
      make(
        "div",
        { class: "sdnb-stage" },
        this.frame,
        make("div", { class: "sdnb-names" }, ...this.names),
        this.slider,
      ),
      make("div", { class: "sdnb-side" }, make("div", { class: "sdnb-buttons sdnb-end" }, close), this.differences),
    );
  }

  /** Bring the page to what the album holds. */
  update() {
    const { album } = this;
    const ids = album.ids;
    const wanted = new Set(ids);
    for (const [id, item] of this.items) {
      if (wanted.has(id)) continue;
      item.element.remove();
      this.items.delete(id);
    }
    const focused = document.activeElement;
    ids.forEach((id, i) => {
      if (!this.items.has(id)) this.items.set(id, this.tile(id));
      const { element } = this.items.get(id);
      if (this.list.children[i] !== element) this.list.insertBefore(element, this.list.children[i] ?? null);
      this.fill(id);
    });
    // A tile that moved has lost it.
    if (focused !== document.activeElement && this.list.contains(focused)) focused.focus();
    this.picked = this.picked.filter((id) => wanted.has(id));
    if (this.shown && !wanted.has(this.shown)) this.shut();
    if (this.pair && !this.pair.every((id) => wanted.has(id))) this.shut();
    const files = album.model.get("takes_files");
    this.empty.hidden = ids.length > 0;
    this.empty.textContent = [album.say("empty"), files ? album.say("drop") : ""].join(" ");
    this.hint.parentElement.hidden = ids.length < 2;
    this.hint.hidden = this.picked.length === 2;
    this.hint.textContent = album.say(this.picked.length ? "choose_one" : "choose");
    this.compareButton.hidden = this.picked.length !== 2;
    this.notice.textContent = this.said || album.model.get("notice");
    this.fillViewer();
    this.fillComparison();
  }

  tile(id) {
    const image = make("img", { alt: "", draggable: "false" });
    const why = make("span", { class: "sdnb-why" });
    const face = make("button", { type: "button", class: "sdnb-face", onclick: () => this.open(id) }, image, why);
    const pick = make("input", { type: "checkbox", onchange: () => this.pick(id, pick.checked) });
    const mark = make("span", { class: "sdnb-mark", text: "★", title: this.album.say("pinned") });
    const label = make("span", { class: "sdnb-label" });
    const element = make("li", { class: "sdnb-tile" }, face, pick, mark, label);
    const item = { element, face, image, why, pick, mark, label, tile: undefined };
    setTimeout(() => {
      if (!item.tile) why.textContent = this.album.say("waits");
    }, WAIT);
    return item;
  }

  fill(id) {
    const item = this.items.get(id);
    const tile = this.album.tiles.get(id);
    item.element.classList.toggle("sdnb-shown", id === this.shown || !!this.pair?.includes(id));
    item.pick.checked = this.picked.includes(id);
    item.element.setAttribute("aria-busy", String(!tile));
    item.face.disabled = !tile;
    item.pick.hidden = !tile || tile.state === "failed";
    item.mark.hidden = !tile?.pinned;
    item.image.hidden = !tile?.url;
    if (!tile || item.tile === tile) return;
    item.tile = tile;
    if (tile.url) item.image.src = tile.url;
    item.face.style.aspectRatio = `${tile.width} / ${tile.height}`;
    item.why.textContent = this.told(tile);
    item.element.classList.toggle("sdnb-failed", tile.state !== "drawn");
    item.label.textContent = tile.label;
    item.label.title = tile.label;
    item.face.title = tile.title;
    item.face.setAttribute("aria-label", this.album.say("open", { title: this.called(tile) }));
    item.pick.setAttribute("aria-label", this.album.say("pick", { title: this.called(tile) }));
    item.pick.title = item.pick.getAttribute("aria-label");
  }

  /** What there is to say over a picture, or in its place. */
  told(tile) {
    if (tile.state === "failed") return `${this.album.say("failed")}: ${tile.why}`;
    return tile.state === "blocked" ? this.album.say("blocked") : "";
  }

  /** The name by which a tile is read out. */
  called(tile) {
    const state = tile.state === "drawn" ? "" : ` (${this.album.say(tile.state)})`;
    return tile.title + state + (tile.pinned ? ` (${this.album.say("pinned")})` : "");
  }

  open(id) {
    this.pair = null;
    this.shown = id;
    this.said = "";
    this.update();
    this.viewer.focus({ preventScroll: true });
    this.viewer.scrollIntoView({ block: "nearest" });
    this.album.send({ kind: "action", action: "open", id });
  }

  fillViewer() {
    const { album } = this;
    const tile = album.tiles.get(this.shown);
    this.viewer.hidden = !tile;
    if (!tile) return;
    const source = album.source(this.shown);
    this.image.hidden = !source;
    if (source && this.image.getAttribute("src") !== source) this.image.src = source;
    this.image.alt = tile.title;
    // Small pictures are shown larger than they are, large ones as large as there is room.
    this.image.style.width = `${Math.max(tile.width, (512 * tile.width) / Math.max(tile.width, tile.height))}px`;
    this.image.style.aspectRatio = `${tile.width} / ${tile.height}`;
    this.why.textContent = this.told(tile);
    const ids = album.ids;
    const at = ids.indexOf(this.shown);
    this.place.textContent = album.say("place", { at: at + 1, count: ids.length });
    this.before.setAttribute("aria-disabled", String(at === 0));
    this.after.setAttribute("aria-disabled", String(at === ids.length - 1));
    this.save.disabled = tile.state === "failed";
    this.pin.disabled = !tile.kept;
    this.pin.title = album.say(tile.kept ? "pin_hint" : "unkept");
    this.pin.setAttribute("aria-pressed", String(tile.pinned));
    if (this.facts.of === tile) return;
    this.facts.of = tile;
    this.facts.replaceChildren(
      ...tile.settings.flatMap(([name, text]) => [make("dt", { text: name }), make("dd", { text })]),
    );
  }

  walk(by) {
    const ids = this.album.ids;
    const id = ids[ids.indexOf(this.shown) + by];
    if (id === undefined || !this.album.tiles.has(id)) return;
    this.shown = id;
    this.said = "";
    this.update();
    this.album.send({ kind: "action", action: "open", id });
  }

  /** Close what is open and give the focus back to where it came from. */
  shut() {
    const from = this.shown ?? this.pair?.[0];
    const inside = this.viewer.contains(document.activeElement) || this.comparison.contains(document.activeElement);
    this.shown = this.pair = null;
    this.said = "";
    this.update();
    if (inside) (this.items.get(from)?.face ?? this.list.querySelector("button"))?.focus();
  }

  pick(id, on) {
    this.picked = this.picked.filter((other) => other !== id);
    if (on) this.picked = [...this.picked.slice(-1), id];
    this.update();
  }

  compare() {
    // In the order in which they stand, so that left is left.
    this.pair = this.album.ids.filter((id) => this.picked.includes(id));
    this.shown = null;
    this.update();
    this.slide(50);
    this.slider.focus({ preventScroll: true });
    this.comparison.scrollIntoView({ block: "nearest" });
  }

  fillComparison() {
    const { album } = this;
    const tiles = this.pair?.map((id) => album.tiles.get(id));
    this.comparison.hidden = !tiles?.every(Boolean);
    if (this.comparison.hidden) return;
    [this.left, this.right].forEach((image, i) => {
      const source = album.source(this.pair[i]);
      if (image.getAttribute("src") !== source) image.src = source;
      image.alt = tiles[i].title;
      this.names[i].textContent = tiles[i].label || tiles[i].title;
    });
    const [width, height] = ["width", "height"].map((side) => Math.max(tiles[0][side], tiles[1][side]));
    this.frame.style.width = `${Math.max(width, (512 * width) / Math.max(width, height))}px`;
    this.frame.style.aspectRatio = `${width} / ${height}`;
    if (this.differences.of === tiles[0] && this.differences.and === tiles[1]) return;
    [this.differences.of, this.differences.and] = tiles;
    const [one, other] = tiles.map((tile) => new Map(tile.settings));
    const names = [...new Set([...one.keys(), ...other.keys()])].filter((n) => one.get(n) !== other.get(n));
    const row = (name) =>
      make(
        "tr",
        {},
        make("th", { scope: "row", text: name }),
        make("td", { text: one.get(name) ?? "–" }),
        make("td", { text: other.get(name) ?? "–" }),
      );
    const same = () => make("tr", {}, make("td", { text: album.say("same") }));
    this.differences.replaceChildren(...(names.length ? names.map(row) : [same()]));
  }

  slide(value) {
    const at = Math.min(100, Math.max(0, value));
    this.slider.value = at;
    this.frame.style.setProperty("--at", `${at}%`);
  }

  act(action) {
    this.said = "";
    this.album.send({ kind: "action", action, id: this.shown });
    this.update();
  }

  async download() {
    const tile = this.album.tiles.get(this.shown);
    this.act("save");
    try {
      const url = URL.createObjectURL(await this.album.whole(tile.id));
      make("a", { href: url, download: tile.file }).click();
      setTimeout(() => URL.revokeObjectURL(url), WAIT);
    } catch (error) {
      this.tell(error.message);
    }
  }

  async copy() {
    try {
      await navigator.clipboard.writeText(this.album.tiles.get(this.shown).text);
      this.tell(this.album.say("copied"));
    } catch {
      this.tell(this.album.say("uncopied"));
    }
  }

  tell(text) {
    this.said = text;
    this.update();
  }

  onKey(event) {
    const { target, key } = event;
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const by = { ArrowLeft: -1, ArrowRight: 1 }[key];
    const at = Number(this.slider.value);
    const goal = { ArrowDown: at - 1, ArrowUp: at + 1, PageDown: at - 10, PageUp: at + 10, Home: 0, End: 100 }[key];
    if (key === "Escape" && (this.shown || this.pair)) this.shut();
    // JupyterLab keeps some of these keys from a slider, so they are not left to the browser.
    else if (target === this.slider && (by || goal !== undefined)) this.slide(by ? at + by : goal);
    else if (by && this.shown) this.walk(by);
    else if (by && target.matches(".sdnb-face")) {
      const faces = [...this.list.querySelectorAll(".sdnb-face:enabled")];
      faces[faces.indexOf(target) + by]?.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** The whole panel takes files, or the gallery alone where it stands alone. */
  takes(target) {
    const zone = this.root.closest(".sdnb-panel") ?? this.root;
    return this.album.model.get("takes_files") && target instanceof Node && zone.contains(target);
  }

  onDrag(event) {
    const here = this.takes(event.target) && [...event.dataTransfer.types].includes("Files");
    this.root.classList.toggle("sdnb-over", here);
    if (!here) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  }

  onDrop(event) {
    this.root.classList.remove("sdnb-over");
    const [file] = event.dataTransfer.files;
    if (!file || !this.takes(event.target)) return;
    event.preventDefault();
    event.stopPropagation();
    this.take(file);
  }

  onPaste(event) {
    const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith("image/"));
    if (!file || !this.takes(event.target)) return;
    event.preventDefault();
    this.take(file);
  }

  async take(file) {
    const most = this.album.model.get("max_file");
    if (file.size > most) this.tell(this.album.say("too_large", { name: file.name, most: most >> 20 }));
    else {
      this.tell("");
      this.album.send({ kind: "file", name: file.name }, [await file.arrayBuffer()]);
    }
  }
}

export default () => {
  let album;
  return {
    initialize({ model }) {
      album = new Album(model);
      return () => album.close();
    },
    render({ el }) {
      const view = new View(album, el);
      return () => view.close();
    },
  };
};
