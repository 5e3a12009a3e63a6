// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import Glibc

/// A record that is kept as one JSON file in a result folder.
package protocol StoredRecord: Codable, Sendable {
    /// Name of the file.
    static var fileName: String { get }
    /// Family and major version, `seawall.run/1`.
    static var currentSchema: String { get }
    /// The command that writes it.
    static var writer: String { get }
}

extension ExperimentRecord: StoredRecord {
    package static let fileName = "run.json"
    package static let writer = "seawall run"
}

extension SearchRecord: StoredRecord {
    package static let fileName = "search.json"
    package static let writer = "seawall search"
}

/// Reading and writing of `run.json` and `search.json`.
package enum RunFile {
    /// Name of the record of a run in a result folder.
    package static let name = ExperimentRecord.fileName

    /// Writes the record to its file in `directory`, which is made when it does not exist.
    ///
    /// The file appears whole or not at all: it is written beside its place, flushed to the disk and renamed.
    package static func write<Record: StoredRecord>(
        _ record: Record, toDirectory directory: String
    ) throws(RunFileError) {
        let path = join(directory, Record.fileName)
        let data: Data
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            data = try encoder.encode(record)
        } catch {
            throw RunFileError(.cannotWrite, "\(path): the record can't be written as JSON: \(error)")
        }
        try makeDirectory(directory)
        try writeAtomically(data, path)
    }

    /// Writes a text beside the record, with the same promises as ``write(_:toDirectory:)``; returns its path.
    @discardableResult
    package static func write(
        text: String, named name: String, toDirectory directory: String
    ) throws(RunFileError) -> String {
        let path = join(directory, name)
        try makeDirectory(directory)
        try writeAtomically(Data(text.utf8), path)
        return path
    }

    private static func makeDirectory(_ directory: String) throws(RunFileError) {
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        } catch {
            throw RunFileError(
                .cannotWrite,
                "\(directory): can't make the folder for the results: \(reason(error)); choose another with --out")
        }
    }

    /// Reads the record at `path`, a `run.json` or a folder that holds one.
    package static func read(_ path: String) throws(RunFileError) -> ExperimentRecord {
        let record: ExperimentRecord = try readRecord(path)
        if let impossibility = record.impossibility {
            throw RunFileError(.notARecord, "\(path): is not a run record: \(impossibility)")
        }
        return record
    }

    /// Whether `path` is a `search.json` or a folder that holds one and no `run.json`.
    package static func holdsSearch(_ path: String) -> Bool {
        if path.hasSuffix(SearchRecord.fileName) { return true }
        return FileManager.default.fileExists(atPath: join(path, SearchRecord.fileName)) && !holdsRun(path)
    }

    /// Whether the folder `path` holds the record of a run.
    package static func holdsRun(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: join(path, name))
    }

    /// Reads the record of a search at `path`, a `search.json` or a folder that holds one.
    package static func readSearch(_ path: String) throws(RunFileError) -> SearchRecord {
        try readRecord(path)
    }

    private static func readRecord<Record: StoredRecord>(_ path: String) throws(RunFileError) -> Record {
        var isDirectory = false
        let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
        let file = exists && isDirectory ? join(path, Record.fileName) : path
        guard FileManager.default.fileExists(atPath: file) else {
            throw RunFileError(
                .notFound,
                exists
                    ? "\(path): no \(Record.fileName) in this folder; give the folder that a `\(Record.writer)` wrote"
                    : "\(path): no such file or folder")
        }
        guard let data = FileManager.default.contents(atPath: file) else {
            throw RunFileError(.cannotRead, "\(file): can't be read: \(String(cString: strerror(errno)))")
        }
        try checkSchema(data, file, Record.currentSchema)
        do {
            return try JSONDecoder().decode(Record.self, from: data)
        } catch {
            throw RunFileError(.notARecord, "\(file): is not a complete run record: \(describe(error))")
        }
    }

    // MARK: Schema

    private struct SchemaOnly: Decodable { var schema: String? }

    private static func checkSchema(_ data: Data, _ file: String, _ current: String) throws(RunFileError) {
        let found: SchemaOnly
        do {
            found = try JSONDecoder().decode(SchemaOnly.self, from: data)
        } catch {
            throw RunFileError(.notARecord, "\(file): is not a run record: \(describe(error))")
        }
        guard let schema = found.schema, let (family, major) = split(schema),
            let (ownFamily, ownMajor) = split(current), family == ownFamily
        else {
            throw RunFileError(
                .notARecord, "\(file): is not a run record: its `schema` is not like \(current)")
        }
        if major > ownMajor {
            throw RunFileError(
                .newerSchema,
                "\(file): was written by a newer Seawall (schema \(schema), this one reads up to "
                    + "\(current)); use that version to read it")
        }
    }

    private static func split(_ schema: String) -> (family: Substring, major: Int)? {
        guard let slash = schema.lastIndex(of: "/"), let major = Int(schema[schema.index(after: slash)...]) else {
            return nil
        }
        return (schema[..<slash], major)
    }

    // MARK: Files

    private static func writeAtomically(_ data: Data, _ path: String) throws(RunFileError) {
        let temporary = path + ".part"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw RunFileError.writing(path, errno) }
        var failure: CInt = 0
        data.withUnsafeBytes { bytes in
            var done = 0
            while done < bytes.count {
                let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
                let written = pwrite(descriptor, rest.baseAddress, rest.count, off_t(done))
                if written < 0 {
                    if errno == EINTR { continue }
                    failure = errno
                    return
                }
                done += written
            }
        }
        if failure == 0, fsync(descriptor) != 0 { failure = errno }
        if close(descriptor) != 0, failure == 0 { failure = errno }
        if failure == 0, rename(temporary, path) != 0 { failure = errno }
        if failure != 0 {
            unlink(temporary)
            throw RunFileError.writing(path, failure)
        }
    }

    private static func join(_ directory: String, _ name: String) -> String {
        directory.hasSuffix("/") ? directory + name : directory + "/" + name
    }

    private static func reason(_ error: any Error) -> String {
        guard let error = error as? CocoaError else { return "\(error)" }
        if let posix = error.underlying as? POSIXError { return String(cString: strerror(posix.code.rawValue)) }
        return switch error.code {
        case .fileWriteNoPermission: "permission denied"
        case .fileWriteOutOfSpace: "no space left on the device"
        case .fileWriteFileExists: "a file of this name is in the way"
        case .fileWriteVolumeReadOnly: "the file system is read-only"
        default: "error \(error.code.rawValue)"
        }
    }

    private static func describe(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return "\(error)" }
        func place(_ path: [any CodingKey]) -> String {
            path.isEmpty
                ? "" : " at " + path.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: ".")
        }
        return switch error {
        case .keyNotFound(let key, let context): "`\(key.stringValue)` is missing\(place(context.codingPath))"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            "wrong kind of value\(place(context.codingPath))"
        case .dataCorrupted(let context): context.debugDescription + place(context.codingPath)
        @unknown default: "\(error)"
        }
    }
}

/// Why a run record could not be read or written, in one line for the user.
package struct RunFileError: Error, CustomStringConvertible {
    package enum Code: Sendable { case notFound, cannotRead, notARecord, newerSchema, cannotWrite }

    package let code: Code
    /// What, where, and what to do.
    package let message: String
    package var description: String { message }

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    static func writing(_ path: String, _ errno: CInt) -> RunFileError {
        let advice = errno == ENOSPC ? "; free some space, or choose another folder with --out" : ""
        return RunFileError(
            .cannotWrite, "\(path): can't write the results: \(String(cString: strerror(errno)))\(advice)")
    }
}
