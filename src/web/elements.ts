type ElementClass<T> = new () => T;

/** What a page's script finds in its HTML: what is missing is a defect of the page, said at once. */
export function find<T extends Element>(id: string, type: ElementClass<T>): T {
  return expected(document.getElementById(id), type, `#${id}`);
}

/** One element below another, such as a cell of a row made from a template. */
export function findWithin<T extends Element>(parent: ParentNode, selector: string, type: ElementClass<T>): T {
  return expected(parent.querySelector(selector), type, selector);
}

/** A copy of a template's one element. */
export function fromTemplate<T extends Element>(id: string, type: ElementClass<T>): T {
  const { content } = find(id, HTMLTemplateElement);
  return expected(document.importNode(content, true).firstElementChild, type, `#${id} > *`);
}

function expected<T extends Element>(found: Element | null, type: ElementClass<T>, selector: string): T {
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} ${selector}`);
  return found;
}

/** Writes only what is new: screen readers speak a live region whenever it is written to, and a write costs a layout. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
