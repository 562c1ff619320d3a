/** An answer that is no success, in the shape that the SDK's exceptions have. */
export interface AwsRefusal {
  /** `AccessDenied` and the like; empty when AWS named none. */
  name: string;
  message: string;
  status: number;
}

/** An error to throw for a refusal that the SDK did not make an exception of. */
export function refusalError({ name, message, status }: AwsRefusal): Error {
  return Object.assign(new Error(message), { name, $metadata: { httpStatusCode: status } });
}

/** The HTTP status in an error of the SDK, or in one of `refusalError`. */
export function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
}

/** Whether another attempt may succeed. */
export function isTransientStatus(status: number): boolean {
  return status >= 500 || status === 429;
}
