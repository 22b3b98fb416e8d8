// Requests to the page's server, and what to say where it, or what it reads, does not answer.

// Nothing is wrong with the request: it is made again once somebody answers.
export class Unreachable extends Error {}

const STOPPED = "The server of this page does not answer. If `photos browse` was stopped, start it again and open "
  + "the link that it prints; otherwise this page goes on by itself.";
const STARTED_ANEW = "`photos browse` was started anew: open the link that it prints.";

export async function get(path, parameters = {}, signal = undefined) {
  let response;
  let answer;
  try {
    response = await fetch(`${path}?${new URLSearchParams(parameters)}`, { signal });
    answer = response.headers.get("content-type")?.includes("json")
      ? await response.json()
      : { error: await response.text() };
  } catch (error) {
    throw error.name === "AbortError" ? error : new Unreachable(STOPPED);
  }
  if (response.status === 403) throw new Unreachable(STARTED_ANEW);
  if (response.status === 503) throw new Unreachable(answer.error);
  if (!response.ok) throw new Error(answer.error);
  return answer;
}
