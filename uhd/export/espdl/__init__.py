"""ESP-DL: detectors for the ESP32-S3 and ESP32-P4, quantised with esp-ppq and scored in its simulator."""
