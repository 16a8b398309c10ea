import { fileURLToPath } from 'node:url';

/** A file of the checkout. */
export const pathOf = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));

/** What a Markdown page says under a heading, up to the next heading of the same or a higher rank. Throws if it is not there. */
export function section(page: string, heading: string): string {
  const lines = page.split('\n');
  const from = lines.indexOf(heading);
  if (from < 0) throw new Error(`the page has no heading "${heading}"`);
  const rank = heading.indexOf(' ');
  let inCode = false;
  const length = lines.slice(from + 1).findIndex((line) => {
    if (line.startsWith('```')) inCode = !inCode;
    const hashes = /^(#+) /.exec(line)?.[1];
    return !inCode && hashes !== undefined && hashes.length <= rank;
  });
  return lines.slice(from, length < 0 ? undefined : from + 1 + length).join('\n');
}

/** The first table in a section: its rows without the header, each a list of cells. */
export function tableAfter(page: string, heading: string): string[][] {
  const lines = section(page, heading).split('\n');
  const from = lines.findIndex((line) => line.startsWith('|'));
  if (from < 0) throw new Error(`there is no table under "${heading}"`);
  const length = lines.slice(from).findIndex((line) => !line.startsWith('|'));
  return lines.slice(from + 2, length < 0 ? undefined : from + length).map((line) =>
    line
      .replaceAll(/^\||\|$/g, '')
      .split('|')
      .map((cell) => cell.trim()),
  );
}

/** The first code block of a language in a section. */
export function codeIn(text: string, language: string): string | undefined {
  return new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 's').exec(text)?.[1];
}
