"""From the settings of an old system to a configuration of this one."""
