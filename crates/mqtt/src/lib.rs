//! MQTT 3.1.1 client as a machine.
