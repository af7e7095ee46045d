// An option that may be given several times.

export const many = (value: string, before: readonly string[] = []): string[] => [...before, value]
