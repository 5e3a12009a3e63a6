// SPDX-License-Identifier: Apache-2.0

package import GRDB

/// Opens the SQLite database of a service.
package enum ServiceDatabase {
    /// Opens `<directory>/<name>.sqlite`, makes it if need be and brings its tables up to date.
    ///
    /// One writer and several readers that don't wait for each other (WAL). A write is on disk after the next checkpoint; it
    /// survives the end of the process, and the end of the machine up to the last few seconds (`synchronous = NORMAL`).
    /// - Throws: ``StartupError``.
    package static func open(
        in directory: String, name: String, migrations: DatabaseMigrator, readers: Int = 4
    ) throws -> DatabasePool {
        let path = "\(directory)/\(name).sqlite"
        var configuration = Configuration()
        configuration.maximumReaderCount = readers
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA temp_store = MEMORY")
            try database.execute(sql: "PRAGMA cache_size = -8192")
        }
        do {
            let pool = try DatabasePool(path: path, configuration: configuration)
            try migrations.migrate(pool)
            return pool
        } catch let error as DatabaseError {
            throw StartupError(
                "the database \(path) cannot be opened: \(error.message ?? "SQLite error \(error.extendedResultCode.rawValue)"); "
                    + "name another directory with --data, or move the file away to begin with an empty one")
        } catch {
            throw StartupError("the database \(path) cannot be opened: \(error)")
        }
    }
}
