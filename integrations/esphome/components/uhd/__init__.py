"""ESPHome component: people in the frames of a camera, found by C that ``uhd export --format c`` wrote."""

import re
from pathlib import Path
from typing import Any

import esphome.codegen as cg
import esphome.config_validation as cv
import esphome.final_validate as fv
from esphome.components import binary_sensor, esp32, sensor, text_sensor
from esphome.const import (
    CONF_ID,
    CONF_MODEL,
    CONF_RESOLUTION,
    CONF_THRESHOLD,
    DEVICE_CLASS_OCCUPANCY,
    STATE_CLASS_MEASUREMENT,
)
from esphome.core import CORE
from esphome.helpers import copy_file_if_changed

DEPENDENCIES = ["esp32_camera"]
AUTO_LOAD = ["sensor", "binary_sensor", "text_sensor"]

CONF_COUNT, CONF_OCCUPANCY, CONF_BOXES = "count", "occupancy", "boxes"
ICON = "mdi:account-group"

uhd_ns = cg.esphome_ns.namespace("uhd")
Detector = uhd_ns.class_("Detector", cg.PollingComponent)


def exported(value: Any) -> Path:
    """Return the path of an exported ``.c``; its header must lie beside it."""
    path = cv.file_(value)
    if path.suffix != ".c" or not path.read_text(errors="replace").startswith("/* uhd-metadata:"):
        raise cv.Invalid(f"{value}: not a file that `uhd export --format c MODEL --output people.c` wrote")
    if not path.with_suffix(".h").is_file():
        raise cv.Invalid(f"{value}: its header {path.with_suffix('.h').name} is not beside it")
    prefix_of(path)
    return path


def prefix_of(path: Path) -> str:
    """Return how every public name of an exported ``.c`` begins."""
    found = re.search(r"int (\w+)_detect_rgb565\(", path.with_suffix(".h").read_text())
    if found is None:
        raise cv.Invalid(f"{path}: has no entry for frames of RGB565; export it again")
    return found[1]


CONFIG_SCHEMA = cv.Schema(
    {
        cv.GenerateID(): cv.declare_id(Detector),
        cv.Required(CONF_MODEL): exported,
        cv.Optional(CONF_THRESHOLD): cv.percentage,
        cv.Optional(CONF_COUNT): sensor.sensor_schema(
            accuracy_decimals=0, icon=ICON, state_class=STATE_CLASS_MEASUREMENT
        ),
        cv.Optional(CONF_OCCUPANCY): binary_sensor.binary_sensor_schema(device_class=DEVICE_CLASS_OCCUPANCY),
        cv.Optional(CONF_BOXES): text_sensor.text_sensor_schema(icon=ICON),
    }
).extend(cv.polling_component_schema("2s"))


def is_jpeg(camera: dict[str, Any]) -> bool:
    """Return whether the frames of a camera arrive compressed; other formats become JPEG if a quality is given."""
    return camera["pixel_format"] == "JPEG" or camera["jpeg_quality"] != 0


def _check_camera(_config: dict[str, Any]) -> None:
    camera = fv.full_config.get()["esp32_camera"]
    if not is_jpeg(camera) and camera["pixel_format"] != "RGB565":
        raise cv.Invalid(f"esp32_camera gives {camera['pixel_format']}; its pixel_format must be JPEG or RGB565")


FINAL_VALIDATE_SCHEMA = _check_camera


def copy_model(path: Path) -> None:
    """Copy an exported ``.c`` and its header to where they are compiled, and say their names to the C++."""
    header = path.with_suffix(".h")
    folder = CORE.relative_src_path("uhd_model")
    for other in folder.glob("*"):
        if other.name not in (path.name, header.name):
            other.unlink()  # an earlier model: its names would be there twice
    for each in (path, header):
        copy_file_if_changed(each, folder / each.name)
    cg.add_define("UHD_MODEL_HEADER", f"uhd_model/{header.name}")
    cg.add_define("UHD_MODEL_PREFIX", cg.RawExpression(prefix_of(path)))


async def to_code(config: dict[str, Any]) -> None:
    """Write the C++ that sets the component up, and copy the exported C beside it."""
    copy_model(config[CONF_MODEL])

    var = cg.new_Pvariable(config[CONF_ID])
    await cg.register_component(var, config)
    camera = CORE.config["esp32_camera"]
    width, height = re.findall(r"\d+", str(camera[CONF_RESOLUTION].enum_value).rsplit("_", 1)[1])
    cg.add(var.set_frame(int(width), int(height), is_jpeg(camera)))
    if is_jpeg(camera) and CORE.is_esp32:
        esp32.add_idf_component(name="espressif/esp_jpeg", ref="^1.3.1")
    if CONF_THRESHOLD in config:
        cg.add(var.set_threshold(config[CONF_THRESHOLD]))
    if CONF_COUNT in config:
        cg.add(var.set_count_sensor(await sensor.new_sensor(config[CONF_COUNT])))
    if CONF_OCCUPANCY in config:
        cg.add(var.set_occupancy_binary_sensor(await binary_sensor.new_binary_sensor(config[CONF_OCCUPANCY])))
    if CONF_BOXES in config:
        cg.add(var.set_boxes_text_sensor(await text_sensor.new_text_sensor(config[CONF_BOXES])))
