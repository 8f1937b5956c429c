"""The work of each stage: from the folders of the stages before it to a folder of its own.

model        weights, published, shipped or random              -> checkpoint
pruning      checkpoint, criterion, scope                       -> checkpoint
finetuning   checkpoint, training data, a teacher's checkpoint  -> checkpoint
calibration  training data                                      -> inputs that ranges are found by
trajectories files, training data                               -> inputs of a model's graphs on the way to pictures
quantization checkpoint, inputs, training data, a teacher       -> checkpoint, for modes of the torch module
deployment   checkpoint, inputs, quantization, export, gate     -> the runtime's files, from float32 ones for steps
quality      files, test data, picture metrics, checkpoint      -> numbers, pictures beside the dense network's
subject      files, checkpoints, cost, size and speed           -> numbers
"""
