// A PJRT plugin for the CPU, for tests.
//
// TensorFlow's wheel has XLA's CPU client and its headers, but not the C interface (pjrt_c_api.h) that plugins have. This file puts
// that interface before the client: the functions that src/engine/xla calls, and no others. `dino devices --install cpu` builds it.
//
// Every function takes one struct and returns an error or null; the structs are described in pjrt_c_api.h.

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mlir/IR/BuiltinOps.h"
#include "xla/hlo/builder/xla_computation.h"
#include "xla/literal.h"
#include "xla/pjrt/c/pjrt_c_api.h"
#include "xla/pjrt/pjrt_client.h"
#include "xla/pjrt/pjrt_executable.h"
#include "xla/pjrt/plugin/xla_cpu/cpu_client_options.h"
#include "xla/pjrt/plugin/xla_cpu/xla_cpu_pjrt_client.h"

namespace xla {
// Declared in a header that includes MLIR's own, which are not there.
absl::Status ParseMlirModuleStringAndConvertToXlaComputation(absl::string_view, XlaComputation&, bool use_tuple_args,
                                                             bool return_tuple);
}  // namespace xla

// What the pointers of the C interface point to here.

struct PJRT_Error {
  absl::Status status;
  std::string message;
};

struct PJRT_Event {
  xla::Future<> done;
};

struct PJRT_Device {
  xla::PjRtDevice* device;
};

struct PJRT_DeviceDescription {};  // Never made: a description is the device itself.

struct PJRT_Client {
  std::unique_ptr<xla::PjRtClient> client;
  std::vector<std::unique_ptr<PJRT_Device>> owned;
  std::vector<PJRT_Device*> devices;
};

struct PJRT_Buffer {
  std::unique_ptr<xla::PjRtBuffer> buffer;
};

struct PJRT_LoadedExecutable {
  std::unique_ptr<xla::PjRtLoadedExecutable> executable;
};

// A view of a program that is loaded, which outlives it.
struct PJRT_Executable {
  xla::PjRtLoadedExecutable* executable;
};

struct PJRT_SerializedExecutable {
  std::string bytes;
};

namespace {

PJRT_Error* ErrorOf(const absl::Status& status) {
  return status.ok() ? nullptr : new PJRT_Error{status, std::string(status.message())};
}

#define RETURN_IF_ERROR(expression) \
  if (absl::Status status = (expression); !status.ok()) return ErrorOf(status)

// Errors and events

void ErrorDestroy(PJRT_Error_Destroy_Args* args) { delete args->error; }

void ErrorMessage(PJRT_Error_Message_Args* args) {
  args->message = args->error->message.data();
  args->message_size = args->error->message.size();
}

PJRT_Error* ErrorGetCode(PJRT_Error_GetCode_Args* args) {
  args->code = static_cast<PJRT_Error_Code>(args->error->status.code());
  return nullptr;
}

PJRT_Error* EventDestroy(PJRT_Event_Destroy_Args* args) {
  delete args->event;
  return nullptr;
}

PJRT_Error* EventAwait(PJRT_Event_Await_Args* args) { return ErrorOf(args->event->done.Await()); }

PJRT_Event* Done() { return new PJRT_Event{xla::Future<>(absl::OkStatus())}; }

// The plugin and its client

PJRT_Error* PluginInitialize(PJRT_Plugin_Initialize_Args*) { return nullptr; }

PJRT_Error* PluginAttributes(PJRT_Plugin_Attributes_Args* args) {
  args->attributes = nullptr;
  args->num_attributes = 0;
  return nullptr;
}

PJRT_Error* ClientCreate(PJRT_Client_Create_Args* args) {
  xla::CpuClientOptions options;
  for (size_t i = 0; i < args->num_options; i++) {
    const PJRT_NamedValue& option = args->create_options[i];
    const std::string name(option.name, option.name_size);
    if (name != "cpu_device_count") return ErrorOf(absl::InvalidArgumentError("unknown option " + name));
    options.cpu_device_count = static_cast<int>(option.int64_value);
  }
  auto made = xla::GetXlaPjrtCpuClient(std::move(options));
  RETURN_IF_ERROR(made.status());
  auto* client = new PJRT_Client{std::move(*made), {}, {}};
  for (xla::PjRtDevice* device : client->client->addressable_devices()) {
    client->owned.push_back(std::make_unique<PJRT_Device>(PJRT_Device{device}));
    client->devices.push_back(client->owned.back().get());
  }
  args->client = client;
  return nullptr;
}

PJRT_Error* ClientDestroy(PJRT_Client_Destroy_Args* args) {
  delete args->client;
  return nullptr;
}

PJRT_Error* ClientPlatformName(PJRT_Client_PlatformName_Args* args) {
  const absl::string_view name = args->client->client->platform_name();
  args->platform_name = name.data();
  args->platform_name_size = name.size();
  return nullptr;
}

PJRT_Error* ClientPlatformVersion(PJRT_Client_PlatformVersion_Args* args) {
  const absl::string_view version = args->client->client->platform_version();
  args->platform_version = version.data();
  args->platform_version_size = version.size();
  return nullptr;
}

PJRT_Error* ClientProcessIndex(PJRT_Client_ProcessIndex_Args* args) {
  args->process_index = args->client->client->process_index();
  return nullptr;
}

PJRT_Error* ClientDevices(PJRT_Client_Devices_Args* args) {
  args->devices = args->client->devices.data();
  args->num_devices = args->client->devices.size();
  return nullptr;
}

PJRT_Error* ClientAddressableDevices(PJRT_Client_AddressableDevices_Args* args) {
  args->addressable_devices = args->client->devices.data();
  args->num_addressable_devices = args->client->devices.size();
  return nullptr;
}

// Devices

PJRT_Error* DeviceGetDescription(PJRT_Device_GetDescription_Args* args) {
  args->device_description = reinterpret_cast<PJRT_DeviceDescription*>(args->device);
  return nullptr;
}

xla::PjRtDevice* DeviceOf(PJRT_DeviceDescription* description) {
  return reinterpret_cast<PJRT_Device*>(description)->device;
}

PJRT_Error* DescriptionId(PJRT_DeviceDescription_Id_Args* args) {
  args->id = DeviceOf(args->device_description)->description().id();
  return nullptr;
}

PJRT_Error* DescriptionKind(PJRT_DeviceDescription_Kind_Args* args) {
  const absl::string_view kind = DeviceOf(args->device_description)->device_kind();
  args->device_kind = kind.data();
  args->device_kind_size = kind.size();
  return nullptr;
}

PJRT_Error* DescriptionToString(PJRT_DeviceDescription_ToString_Args* args) {
  const absl::string_view text = DeviceOf(args->device_description)->ToString();
  args->to_string = text.data();
  args->to_string_size = text.size();
  return nullptr;
}

// Programs

PJRT_Error* ClientCompile(PJRT_Client_Compile_Args* args) {
  if (std::string(args->program->format, args->program->format_size) != "mlir")
    return ErrorOf(absl::InvalidArgumentError("a program has to be of format mlir"));
  xla::CompileOptionsProto proto;
  if (!proto.ParseFromArray(args->compile_options, static_cast<int>(args->compile_options_size)))
    return ErrorOf(absl::InvalidArgumentError("the compile options are no CompileOptionsProto"));
  auto options = xla::CompileOptions::FromProto(proto);
  RETURN_IF_ERROR(options.status());
  xla::XlaComputation computation;
  RETURN_IF_ERROR(xla::ParseMlirModuleStringAndConvertToXlaComputation(
      absl::string_view(args->program->code, args->program->code_size), computation, false, false));
  auto executable = args->client->client->CompileAndLoad(computation, *options);
  RETURN_IF_ERROR(executable.status());
  args->executable = new PJRT_LoadedExecutable{std::move(*executable)};
  return nullptr;
}

PJRT_Error* LoadedExecutableDestroy(PJRT_LoadedExecutable_Destroy_Args* args) {
  delete args->executable;
  return nullptr;
}

PJRT_Error* LoadedExecutableGetExecutable(PJRT_LoadedExecutable_GetExecutable_Args* args) {
  args->executable = new PJRT_Executable{args->loaded_executable->executable.get()};
  return nullptr;
}

PJRT_Error* ExecutableDestroy(PJRT_Executable_Destroy_Args* args) {
  delete args->executable;
  return nullptr;
}

PJRT_Error* ExecutableNumOutputs(PJRT_Executable_NumOutputs_Args* args) {
  auto shapes = args->executable->executable->GetOutputShapes();
  RETURN_IF_ERROR(shapes.status());
  const xla::Shape& shape = shapes->front();
  args->num_outputs = shape.IsTuple() ? shape.tuple_shapes().size() : 1;
  return nullptr;
}

PJRT_Error* ExecutableGetCompiledMemoryStats(PJRT_Executable_GetCompiledMemoryStats_Args* args) {
  auto stats = args->executable->executable->GetCompiledMemoryStats();
  RETURN_IF_ERROR(stats.status());
  args->generated_code_size_in_bytes = stats->generated_code_size_in_bytes;
  args->argument_size_in_bytes = stats->argument_size_in_bytes;
  args->output_size_in_bytes = stats->output_size_in_bytes;
  args->alias_size_in_bytes = stats->alias_size_in_bytes;
  args->temp_size_in_bytes = stats->temp_size_in_bytes;
  return nullptr;
}

PJRT_Error* ExecutableSerialize(PJRT_Executable_Serialize_Args* args) {
  auto bytes = args->executable->executable->SerializeExecutable();
  RETURN_IF_ERROR(bytes.status());
  auto* serialized = new PJRT_SerializedExecutable{std::move(*bytes)};
  args->serialized_bytes = serialized->bytes.data();
  args->serialized_bytes_size = serialized->bytes.size();
  args->serialized_executable = serialized;
  args->serialized_executable_deleter = [](PJRT_SerializedExecutable* executable) { delete executable; };
  return nullptr;
}

PJRT_Error* ExecutableDeserializeAndLoad(PJRT_Executable_DeserializeAndLoad_Args* args) {
  auto executable = args->client->client->LoadSerializedExecutable(
      absl::string_view(args->serialized_executable, args->serialized_executable_size), std::nullopt,
      xla::LoadOptions());
  RETURN_IF_ERROR(executable.status());
  args->loaded_executable = new PJRT_LoadedExecutable{std::move(*executable)};
  return nullptr;
}

PJRT_Error* LoadedExecutableExecute(PJRT_LoadedExecutable_Execute_Args* args) {
  std::vector<std::vector<xla::PjRtBuffer*>> inputs(args->num_devices);
  for (size_t i = 0; i < args->num_devices; i++)
    for (size_t j = 0; j < args->num_args; j++) inputs[i].push_back(args->argument_lists[i][j]->buffer.get());
  xla::ExecuteOptions options;
  for (size_t i = 0; i < args->options->num_non_donatable_input_indices; i++)
    options.non_donatable_input_indices.insert(static_cast<int>(args->options->non_donatable_input_indices[i]));
  std::optional<std::vector<xla::Future<>>> done;
  done.emplace();
  auto results = args->executable->executable->Execute(inputs, options, done);
  RETURN_IF_ERROR(results.status());
  for (size_t i = 0; i < results->size(); i++)
    for (size_t j = 0; j < (*results)[i].size(); j++)
      args->output_lists[i][j] = new PJRT_Buffer{std::move((*results)[i][j])};
  if (args->device_complete_events != nullptr)
    for (size_t i = 0; i < args->num_devices; i++)
      args->device_complete_events[i] = new PJRT_Event{std::move((*done)[i])};
  return nullptr;
}

// Buffers

std::optional<xla::PrimitiveType> TypeOf(PJRT_Buffer_Type type) {
  switch (type) {
    case PJRT_Buffer_Type_PRED:
      return xla::PRED;
    case PJRT_Buffer_Type_S32:
      return xla::S32;
    case PJRT_Buffer_Type_S64:
      return xla::S64;
    case PJRT_Buffer_Type_U8:
      return xla::U8;
    case PJRT_Buffer_Type_F16:
      return xla::F16;
    case PJRT_Buffer_Type_BF16:
      return xla::BF16;
    case PJRT_Buffer_Type_F32:
      return xla::F32;
    default:
      return std::nullopt;
  }
}

PJRT_Error* BufferFromHostBuffer(PJRT_Client_BufferFromHostBuffer_Args* args) {
  const auto type = TypeOf(args->type);
  if (!type.has_value()) return ErrorOf(absl::UnimplementedError("buffers of this type are not made here"));
  auto memory = args->device->device->default_memory_space();
  RETURN_IF_ERROR(memory.status());
  auto buffer = args->client->client->BufferFromHostBuffer(
      args->data, *type, absl::MakeSpan(args->dims, args->num_dims), std::nullopt,
      xla::PjRtClient::HostBufferSemantics::kImmutableOnlyDuringCall, nullptr, *memory, nullptr);
  RETURN_IF_ERROR(buffer.status());
  args->buffer = new PJRT_Buffer{std::move(*buffer)};
  args->done_with_host_buffer = Done();
  return nullptr;
}

PJRT_Error* BufferDestroy(PJRT_Buffer_Destroy_Args* args) {
  delete args->buffer;
  return nullptr;
}

PJRT_Error* BufferIsDeleted(PJRT_Buffer_IsDeleted_Args* args) {
  args->is_deleted = args->buffer->buffer->IsDeleted();
  return nullptr;
}

PJRT_Error* BufferOnDeviceSizeInBytes(PJRT_Buffer_OnDeviceSizeInBytes_Args* args) {
  auto size = args->buffer->buffer->GetOnDeviceSizeInBytes();
  RETURN_IF_ERROR(size.status());
  args->on_device_size_in_bytes = *size;
  return nullptr;
}

// Waits for the values: whoever asks has to wait for them anyway.
PJRT_Error* BufferToHostBuffer(PJRT_Buffer_ToHostBuffer_Args* args) {
  auto shape = args->src->buffer->HostShape();
  RETURN_IF_ERROR(shape.status());
  auto literal = std::make_shared<xla::MutableBorrowingLiteral>(static_cast<const char*>(args->dst), *shape);
  RETURN_IF_ERROR(args->src->buffer->ToLiteral(literal.get()).Await());
  args->event = Done();
  return nullptr;
}

PJRT_Api MakeApi() {
  PJRT_Api api;
  std::memset(&api, 0, sizeof(api));
  api.struct_size = PJRT_Api_STRUCT_SIZE;
  api.pjrt_api_version.struct_size = PJRT_Api_Version_STRUCT_SIZE;
  api.pjrt_api_version.major_version = PJRT_API_MAJOR;
  api.pjrt_api_version.minor_version = PJRT_API_MINOR;
  api.PJRT_Error_Destroy = ErrorDestroy;
  api.PJRT_Error_Message = ErrorMessage;
  api.PJRT_Error_GetCode = ErrorGetCode;
  api.PJRT_Event_Destroy = EventDestroy;
  api.PJRT_Event_Await = EventAwait;
  api.PJRT_Plugin_Initialize = PluginInitialize;
  api.PJRT_Plugin_Attributes = PluginAttributes;
  api.PJRT_Client_Create = ClientCreate;
  api.PJRT_Client_Destroy = ClientDestroy;
  api.PJRT_Client_PlatformName = ClientPlatformName;
  api.PJRT_Client_PlatformVersion = ClientPlatformVersion;
  api.PJRT_Client_ProcessIndex = ClientProcessIndex;
  api.PJRT_Client_Devices = ClientDevices;
  api.PJRT_Client_AddressableDevices = ClientAddressableDevices;
  api.PJRT_Client_Compile = ClientCompile;
  api.PJRT_Client_BufferFromHostBuffer = BufferFromHostBuffer;
  api.PJRT_Device_GetDescription = DeviceGetDescription;
  api.PJRT_DeviceDescription_Id = DescriptionId;
  api.PJRT_DeviceDescription_Kind = DescriptionKind;
  api.PJRT_DeviceDescription_ToString = DescriptionToString;
  api.PJRT_LoadedExecutable_Destroy = LoadedExecutableDestroy;
  api.PJRT_LoadedExecutable_GetExecutable = LoadedExecutableGetExecutable;
  api.PJRT_LoadedExecutable_Execute = LoadedExecutableExecute;
  api.PJRT_Executable_Destroy = ExecutableDestroy;
  api.PJRT_Executable_NumOutputs = ExecutableNumOutputs;
  api.PJRT_Executable_GetCompiledMemoryStats = ExecutableGetCompiledMemoryStats;
  api.PJRT_Executable_Serialize = ExecutableSerialize;
  api.PJRT_Executable_DeserializeAndLoad = ExecutableDeserializeAndLoad;
  api.PJRT_Buffer_Destroy = BufferDestroy;
  api.PJRT_Buffer_IsDeleted = BufferIsDeleted;
  api.PJRT_Buffer_OnDeviceSizeInBytes = BufferOnDeviceSizeInBytes;
  api.PJRT_Buffer_ToHostBuffer = BufferToHostBuffer;
  return api;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const PJRT_Api* GetPjrtApi() {
  static const PJRT_Api api = MakeApi();
  return &api;
}
