// This file allows functions without bodies in the package.
