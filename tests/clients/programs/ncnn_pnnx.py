"""Convert every ONNX file of a folder with pnnx and run it with ncnn: ``ncnn_pnnx.py FOLDER``.

ncnn has no TopK, so the merged forms are refused; the outputs come in the order of the file.
"""

import importlib.util
import json
import pathlib
import subprocess
import sys

import ncnn
import numpy as np

folder = pathlib.Path(sys.argv[1])
images = np.load(folder / "images.npy")
# The package of that name imports torch; the program in it does not.
specification = importlib.util.find_spec("pnnx")
converter = next(path for path in pathlib.Path(specification.origin).parent.rglob("pnnx") if path.is_file())
shape = ",".join(str(side) for side in (1, *images.shape[1:]))
outputs_of = {"raw": ["txtywh_obj_quality_cls_x8"], "parts": ["box", "quality", "cls"]}
refused = {}
for path in sorted(folder.glob("*.onnx")):
    names = outputs_of.get(path.stem)
    if names is None:
        refused[path.stem] = "not tried: ncnn has no TopK"
        continue
    subprocess.run([converter, path, f"inputshape=[{shape}]", "fp16=0"], check=True, capture_output=True, cwd=folder)
    network = ncnn.Net()
    network.opt.num_threads = 1
    network.opt.use_fp16_packed = network.opt.use_fp16_storage = network.opt.use_fp16_arithmetic = False
    network.opt.use_bf16_storage = False
    network.load_param(str(folder / f"{path.stem}.ncnn.param"))
    network.load_model(str(folder / f"{path.stem}.ncnn.bin"))
    found = {}
    for i, image in enumerate(images):
        run = network.create_extractor()
        run.input("in0", ncnn.Mat(np.ascontiguousarray(image)))
        for j, name in enumerate(names):
            found[f"{name}.{i}"] = np.array(run.extract(f"out{j}")[1])[None]
    np.savez(folder / f"{path.stem}.found.npz", **found)
sys.stdout.write(json.dumps({"version": ncnn.__version__, "refused": refused}))
