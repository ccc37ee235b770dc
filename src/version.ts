/** The release. A test keeps it equal to the one in package.json, which would take a file to read at every start. */
export const version = '0.1.0';
