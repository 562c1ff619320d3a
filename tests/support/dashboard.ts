import { ROOT } from "../../tools/program.ts";

/** The part of a Grafana dashboard that we look at. */
export interface Dashboard {
  templating: { list: { name: string; type: string; query: string | { query: string } }[] };
  panels: {
    id: number;
    title: string;
    description: string;
    datasource: { uid: string };
    gridPos: { x: number; y: number; w: number; h: number };
    targets: { refId: string; expr: string; legendFormat: string; datasource: { uid: string } }[];
  }[];
}

export async function readDashboard(): Promise<Dashboard> {
  return JSON.parse(await Deno.readTextFile(`${ROOT}/deploy/grafana/dashboard.json`));
}

/** All queries of its panels. */
export function queriesOf({ panels }: Dashboard): string[] {
  return panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
}
