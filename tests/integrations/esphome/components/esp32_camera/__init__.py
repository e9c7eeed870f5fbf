"""A camera for ESPHome's `host` platform: every frame is the file that the configuration names."""

import esphome.codegen as cg
import esphome.config_validation as cv
from esphome.const import CONF_FILE, CONF_ID, CONF_RESOLUTION
from esphome.core.entity_helpers import setup_entity

AUTO_LOAD = ["camera"]
Camera = cg.esphome_ns.namespace("esp32_camera").class_("FileCamera", cg.Component, cg.EntityBase)
SIZES = {"160X120": cg.RawExpression("ESP32_CAMERA_SIZE_160X120")}

CONFIG_SCHEMA = cv.ENTITY_BASE_SCHEMA.extend(
    {
        cv.GenerateID(): cv.declare_id(Camera),
        cv.Required(CONF_FILE): cv.file_,
        cv.Optional(CONF_RESOLUTION, default="160X120"): cv.enum(SIZES, upper=True),
        cv.Optional("pixel_format", default="RGB565"): cv.one_of("RGB565", "GRAYSCALE", "JPEG"),
        cv.Optional("jpeg_quality", default=0): cv.int_,
    }
).extend(cv.COMPONENT_SCHEMA)


async def to_code(config):
    cg.add_define("USE_CAMERA")
    var = cg.new_Pvariable(config[CONF_ID], str(config[CONF_FILE]))
    await setup_entity(var, config, "camera")
    await cg.register_component(var, config)
