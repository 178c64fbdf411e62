# The architectures that this Python's torch is built for, as one line of JSON.
import json, sys

sys.path = [folder for folder in sys.path if folder]
import torch

try:
    # What get_arch_list says too, but only where there is a card.
    flags = torch._C._cuda_getArchFlags() or ""
except AttributeError:
    flags = " ".join(torch.cuda.get_arch_list())
print(json.dumps(flags.split()))
