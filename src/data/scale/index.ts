// Scale: the same steps over shards, in any number of processes.
export {};
