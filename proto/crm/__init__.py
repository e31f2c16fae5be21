"""The contract of Annals, as a package: ``crm.v1`` holds the messages and stubs, one module per ``.proto`` file."""
