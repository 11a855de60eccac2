/* What the pages need beyond the theme. Everything here improves a page that is complete without
   it: where no script runs, proofs and solutions are simply open. */
(function () {
  "use strict";

  /* The title a folded box shows: its own, or "Proof", with the statement it belongs to, so that
     each fold of a page has a name of its own. */
  function foldTitle(box) {
    const summary = document.createElement("summary");
    summary.className = "fold-title";
    const title = box.querySelector(":scope > .admonition-title");
    if (title) {
      summary.append(...title.childNodes);
      title.remove();
    } else {
      // A proof has no title of its own: its first paragraph begins with "Proof. ".
      summary.textContent = "Proof";
      const first = box.querySelector(":scope > p");
      const text = first && first.firstChild;
      if (text && text.nodeType === Node.TEXT_NODE) {
        text.data = text.data.replace(/^\s*Proof\.\s+/, "");
      }
      if (first && !first.textContent.trim() && !first.children.length) {
        first.remove();
      }
    }
    const before = box.previousElementSibling;
    const statement = before && before.matches(".proof.admonition, .exercise.admonition");
    const number = statement && before.querySelector(":scope > .admonition-title > .caption-number");
    if (number && !summary.querySelector("a") && /^(Proof|Solution)$/.test(summary.textContent.trim())) {
      const word = box.classList.contains("solution") ? " to " : " of ";
      summary.textContent = summary.textContent.trim() + word + number.textContent.trim();
    }
    return summary;
  }

  /* Folded proofs and solutions become <details>: keyboard, search in the page and screen readers
     then work as the browser does them. */
  function fold(box) {
    const details = document.createElement("details");
    details.className = "fold";
    details.append(foldTitle(box), ...box.childNodes);
    box.classList.remove("dropdown", "toggle");
    box.classList.add("folded");
    box.append(details);
  }

  /* Sphinx-proof and sphinx-exercise give all their boxes the same identifiers. */
  function dropRepeatedIdentifiers(root) {
    const seen = new Set(["proof", "proof-content", "exercise-content", "solution-content"]);
    for (const element of root.querySelectorAll("[id]")) {
      if (seen.has(element.id)) {
        element.removeAttribute("id");
      } else {
        seen.add(element.id);
      }
    }
  }

  /* A link to a formula inside a folded proof opens the proof. */
  function openTarget() {
    const name = decodeURIComponent(window.location.hash.slice(1));
    const target = name && document.getElementById(name);
    if (!target) {
      return;
    }
    let opened = false;
    for (let box = target.closest("details"); box; box = box.parentElement.closest("details")) {
      opened = opened || !box.open;
      box.open = true;
    }
    // A box that is itself folded, such as a solution, is opened by a link to it.
    const own = target.querySelector(":scope > details.fold");
    if (own) {
      own.open = true;
    }
    if (opened) {
      target.scrollIntoView();
    }
  }

  /* A full stop after a formula does not begin a line, and a bracket before it does not end one. */
  function keepPunctuation(article) {
    const inner = (node, pattern) => node?.nodeType === Node.TEXT_NODE && pattern.exec(node.data);
    for (const formula of article.querySelectorAll("span.math")) {
      const before = inner(formula.previousSibling, /[([“]+$/);
      const after = inner(formula.nextSibling, /^(?:[.,;:!?)\]”’]+|-\p{L}+[.,;:)]*)/u);
      if (!before && !after) {
        continue;
      }
      const kept = document.createElement("span");
      kept.className = "kept";
      formula.before(kept);
      if (before) {
        kept.append(kept.previousSibling.splitText(before.index));
      }
      kept.append(formula);
      if (after) {
        kept.nextSibling.splitText(after[0].length);
        kept.append(kept.nextSibling);
      }
    }
  }

  const BOXES =
    ".math, mjx-container, pre, .pst-scrollable-table-container, .cell_output > .output, dt.sig";

  /* A formula in the text that is wider than the text gets a box in which it scrolls. */
  function boxWideFormulas() {
    const formulas = [...document.querySelectorAll("article.bd-article span.math > mjx-container")];
    formulas.forEach((formula) => formula.classList.remove("wide"));
    const wide = formulas.filter((formula) => {
      const text = formula.closest("p, li, dd, dt, figcaption, h1, h2, h3");
      const line = formula.closest(".kept") || formula;
      return text && line.getBoundingClientRect().right > text.getBoundingClientRect().right + 1;
    });
    wide.forEach((formula) => formula.classList.add("wide"));
  }

  /* What is wider than its box scrolls inside it, and can then be reached by keyboard. Formulas that
     do not scroll are no stops: a page has hundreds of them. */
  function markScrollable() {
    boxWideFormulas();
    for (const box of document.querySelectorAll("article.bd-article :is(" + BOXES + ")")) {
      const wide = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight + 1;
      const style = wide && getComputedStyle(box);
      if (wide && /auto|scroll/.test(style.overflowX + style.overflowY)) {
        box.tabIndex = 0;
        if (!box.hasAttribute("role")) {
          const formula = box.matches(".math, mjx-container");
          const name = formula ? "formula" : box.querySelector("table") ? "table" : "code";
          box.setAttribute("role", "group");
          box.setAttribute("aria-label", "wide " + name + ", scrolls");
        }
      } else if (box.tabIndex === 0) {
        box.tabIndex = -1;
      }
    }
  }

  /* Controls and lists of the theme that have no name or no parts for a screen reader. */
  function nameParts() {
    for (const summary of document.querySelectorAll("nav details > summary")) {
      const link = summary.parentElement.parentElement.querySelector(":scope > a");
      if (link && !summary.textContent.trim()) {
        summary.setAttribute("aria-label", "Sections of " + link.textContent.trim());
      }
    }
    for (const entry of document.querySelectorAll("[role='list'] > [role='doc-biblioentry']")) {
      entry.setAttribute("role", "listitem");
    }
  }

  /* The theme's script marks these boxes too, at moments of its own: ours has the last word. */
  function watchSizes() {
    let pending = 0;
    const later = () => {
      clearTimeout(pending);
      pending = setTimeout(markScrollable, 350);
    };
    window.addEventListener("resize", later);
    document.addEventListener("toggle", later, true);
    markScrollable();
    later();
  }

  /* MathJax reads this when it is loaded, which is after this script. */
  function afterFormulas(action) {
    const settings = (window.MathJax = window.MathJax || {});
    settings.startup = {
      ...settings.startup,
      pageReady: () => window.MathJax.startup.defaultPageReady().then(action),
    };
  }

  /* On paper nothing can be unfolded. */
  function openForPrint() {
    const opened = [];
    window.addEventListener("beforeprint", () => {
      for (const box of document.querySelectorAll("article.bd-article details:not([open])")) {
        box.open = true;
        opened.push(box);
      }
    });
    window.addEventListener("afterprint", () => {
      for (const box of opened.splice(0)) {
        box.open = false;
      }
    });
  }

  function prepare() {
    nameParts();
    const article = document.querySelector("article.bd-article");
    if (!article) {
      return;
    }
    article.querySelectorAll(".admonition.dropdown").forEach(fold);
    dropRepeatedIdentifiers(article);
    keepPunctuation(article);
    openForPrint();
    openTarget();
    window.addEventListener("hashchange", openTarget);
    window.addEventListener("load", watchSizes);
  }

  afterFormulas(markScrollable);

  // When the document is parsed and before the other scripts' "DOMContentLoaded".
  if (document.readyState === "loading") {
    document.addEventListener("readystatechange", prepare, { once: true });
  } else {
    prepare();
  }
})();
