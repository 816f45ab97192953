// Torch's threads and its count of tensors belong to the process.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
