import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DomainEntry, domains } from '@banyan/domains';

/** `npm run picture` writes docs/architecture.svg, which the README shows, from libs/domains.ts. */
export const pictureFile = join(__dirname, '../../docs/architecture.svg');

const CARD = { width: 148, height: 82, gap: 20 };
const MARGIN = 40;
/** Of the arc between neighbours, and of each further step. */
const ARC = { height: 30, more: 24 };
const CLIENTS_Y = 16;
const HOST_Y = 84;
const EDGE_Y = HOST_Y + 38;
const ARCS_Y = EDGE_Y + 92;
const BROKER_HEIGHT = 34;
const WORKER_HEIGHT = 52;

const style = `
  text { font: 13px system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif; fill: #1f2a24; text-anchor: middle }
  .name { font-size: 16px; font-weight: 600 } .small { font-size: 12px; fill: #55645b }
  .paper { fill: #ffffff } .host { fill: #eef5f0; stroke: #b9cfc1 } .edge { fill: #dcebe1; stroke: #7fa68e } .card { fill: #ffffff; stroke: #7fa68e }
  .home { fill: #e6eef8; stroke: #7d9cc0 } .service { fill: #ffffff; stroke: #7fa68e; stroke-dasharray: 6 4 } .broker { fill: #fbf0e2; stroke: #cfa25f }
  .none { fill: none; stroke: #9aa8a0; stroke-dasharray: 4 4 }
  .call { fill: none; stroke: #2f7d55; stroke-width: 1.6 } .line { fill: none; stroke: #7fa68e; stroke-width: 1.4 } .tip { fill: #2f7d55 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e4ece7 } .small { fill: #a5b5ab }
    .paper { fill: #0f1512 } .host { fill: #17211b; stroke: #34493d } .edge { fill: #20342a; stroke: #4f7a63 } .card { fill: #1c2822; stroke: #4f7a63 }
    .home { fill: #1a2534; stroke: #53739b } .service { fill: #1c2822; stroke: #4f7a63 } .broker { fill: #33281a; stroke: #8f6d3a } .none { stroke: #5d6c64 }
    .call { stroke: #6cc795 } .line { stroke: #4f7a63 } .tip { fill: #6cc795 }
  }`;

/**
 * The host with its edge, the domains with an arc to each domain they may call, the same domains as services behind the broker, and beneath
 * them where their data lives. As SVG.
 */
export function picture(table: Readonly<Record<string, DomainEntry>>): string {
  const entries = Object.entries(table);
  const width = 2 * MARGIN + entries.length * (CARD.width + CARD.gap) + CARD.gap;
  const middle = width / 2;
  const left = (index: number) => MARGIN + CARD.gap + index * (CARD.width + CARD.gap);
  const indexOf = new Map(entries.map(([name], index) => [name, index]));
  const calls = entries.flatMap(([, { calls }], from) => calls.map((name) => ({ from, to: indexOf.get(name)! })));
  const farthest = Math.max(1, ...calls.map(({ from, to }) => Math.abs(to - from)));
  const cardsY = ARCS_Y + ARC.height + farthest * ARC.more;
  const hostEnd = cardsY + CARD.height + 24;
  const brokerY = hostEnd + 22;
  const workersY = brokerY + BROKER_HEIGHT + 22;
  const dataY = workersY + WORKER_HEIGHT + 36;
  const [monolithX, monolithWidth] = [width - MARGIN / 2 - 220, 220];
  const height = dataY + 92;

  const arc = ({ from, to }: { from: number; to: number }) => {
    const towards = Math.sign(to - from);
    // Arcs leave and arrive on the side they come from, the longer the nearer to the middle, so that they do not cross there.
    const fromMiddle = (towards * 40) / Math.abs(to - from);
    const start = left(from) + CARD.width / 2 + fromMiddle;
    const end = left(to) + CARD.width / 2 - fromMiddle;
    const top = cardsY - ARC.height - Math.abs(to - from) * ARC.more;
    return `<path class="call" marker-end="url(#tip)" d="M${start} ${cardsY} C${start} ${top} ${end} ${top} ${end} ${cardsY - 3}"/>`;
  };
  const card = ([name, { owns }]: [string, DomainEntry], index: number) => {
    const x = left(index);
    return [
      `<rect class="card" x="${x}" y="${cardsY}" width="${CARD.width}" height="${CARD.height}" rx="8"/>`,
      text(x + CARD.width / 2, cardsY + 28, name, 'name'),
      ...owns.split(', ').map((line, row) => text(x + CARD.width / 2, cardsY + 50 + row * 17, line, 'small')),
    ].join('\n  ');
  };
  const worker = ([name]: [string, DomainEntry], index: number) => {
    const x = left(index);
    return [
      `<rect class="service" x="${x}" y="${workersY}" width="${CARD.width}" height="${WORKER_HEIGHT}" rx="8"/>`,
      text(x + CARD.width / 2, workersY + 23, name, 'name'),
      text(x + CARD.width / 2, workersY + 41, `SERVE=${name}`, 'small'),
    ].join('\n  ');
  };
  const dataHome = ([, { database, tableSet }]: [string, DomainEntry], index: number) => {
    const x = left(index);
    const x1 = x + CARD.width;
    const at = x + CARD.width / 2;
    const line = `<path class="line" d="M${at} ${cardsY + CARD.height} V${dataY - (database ? 8 : 0)}"/>`;
    if (!database)
      return `${line}\n  <rect class="none" x="${x}" y="${dataY}" width="${CARD.width}" height="58" rx="8"/>\n  ${text(at, dataY + 25, 'nothing that', 'small')}\n  ${text(at, dataY + 42, 'must survive', 'small')}`;
    const body = `M${x} ${dataY} a${CARD.width / 2} 8 0 0 1 ${CARD.width} 0 V${dataY + 58} a${CARD.width / 2} 8 0 0 1 -${CARD.width} 0 Z`;
    const rim = `M${x} ${dataY} a${CARD.width / 2} 8 0 0 0 ${x1 - x} 0`;
    return `${line}\n  <path class="home" d="${body}"/><path class="home" d="${rim}"/>\n  ${text(at, dataY + 34, database, 'name')}\n  ${text(at, dataY + 52, tableSet ?? '', 'small')}`;
  };

  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title">
  <title id="title">The three homes of the domains, who may call whom, and where the data lives</title>
  <style>${style}
  </style>
  <defs><marker id="tip" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="tip" d="M0 0 L8 4 L0 8 Z"/></marker></defs>
  <rect class="paper" width="${width}" height="${height}" rx="12"/>
  <rect class="card" x="${middle - 110}" y="${CLIENTS_Y}" width="220" height="40" rx="20"/>
  ${text(middle, CLIENTS_Y + 25, 'web client, mobile, curl')}
  <rect class="host" x="${MARGIN / 2}" y="${HOST_Y}" width="${width - MARGIN}" height="${hostEnd - HOST_Y}" rx="12"/>
  <path class="call" marker-end="url(#tip)" d="M${middle} ${CLIENTS_Y + 40} V${EDGE_Y - 3}"/>
  ${text(MARGIN / 2 + 42, HOST_Y + 25, 'host', 'name')}
  <rect class="none" x="${monolithX}" y="${CLIENTS_Y}" width="${monolithWidth}" height="40" rx="8"/>
  ${text(monolithX + monolithWidth / 2, CLIENTS_Y + 25, 'the monolith: home “legacy”')}
  <path class="call" marker-end="url(#tip)" d="M${monolithX + monolithWidth / 2} ${EDGE_Y} V${CLIENTS_Y + 43}"/>
  <rect class="edge" x="${left(0)}" y="${EDGE_Y}" width="${width - 2 * left(0)}" height="56" rx="8"/>
  ${text(middle, EDGE_Y + 24, 'edge and dispatcher', 'name')}
  ${text(middle, EDGE_Y + 43, 'routes from the contracts · who calls · limits · which home serves the call', 'small')}
  ${calls.map(arc).join('\n  ')}
  ${text(middle, ARCS_Y - 8, 'an arrow: may call, by its contract; whatever else one hears of another comes as an event', 'small')}
  ${entries.map(dataHome).join('\n  ')}
  ${entries.map(card).join('\n  ')}
  <rect class="broker" x="${MARGIN / 2}" y="${brokerY}" width="${width - MARGIN}" height="${BROKER_HEIGHT}" rx="8"/>
  ${text(middle, brokerY + 22, 'RabbitMQ: calls to the home “remote”, and events')}
  ${entries.map(worker).join('\n  ')}
</svg>
`;
}

function text(x: number, y: number, words: string, kind?: string): string {
  const escaped = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text${kind ? ` class="${kind}"` : ''} x="${x}" y="${y}">${escaped}</text>`;
}

if (require.main === module) writeFileSync(pictureFile, picture(domains));
