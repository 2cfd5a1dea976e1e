"""The version of the JSON that commands write.

It grows when a key changes its meaning or goes away; a reader of version n can read every file of
version n, and new keys do not change it.
"""

SCHEMA = 1
