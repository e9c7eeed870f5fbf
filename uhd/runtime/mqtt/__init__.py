"""Who is in a video, told to an MQTT broker: for Home Assistant and everything else that listens."""
