/*
 * A PJRT plugin that computes nothing: while it is opened, threads of its own exchange values with other processes by the callbacks
 * that it is given, as the one for CUDA does. A struct of PJRT is an array of words here, as in src/engine/xla/pjrt-table.ts.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef uint64_t word;
typedef word (*function)(word *);

#define OWN 2
#define MOST 64
/** "internal" */
#define INTERNAL 13
#define DEADLINE_EXCEEDED 4
#define NOT_FOUND 5

struct error {
  int code;
  char *message;
};

struct device {
  int id;
};

static struct device devices[MOST];
static word all[MOST], own[OWN];
static word node, nodes;
static function get, put, try_get;
static char failure[256];

static struct error *make_error(int code, const char *message, size_t size) {
  struct error *made = malloc(sizeof *made);
  made->code = code;
  made->message = strndup(message, size);
  return made;
}

static struct error *(*callback_error)(int, const char *, size_t) = make_error;

static void fail(const char *what, struct error *error) {
  snprintf(failure, sizeof failure, "%s: %s", what, error == NULL ? "no error" : error->message);
}

static struct error *leave(const char *key, const char *value, size_t size) {
  word args[32] = {256, 0, (word)key, strlen(key), (word)value, size, (word)&callback_error};
  return (struct error *)put(args);
}

/** Compares what another process left with what it should be. */
static void expect(const char *key, const char *value, size_t size, int milliseconds) {
  word args[32] = {256, 0, (word)key, strlen(key), (word)(unsigned)milliseconds, (word)&callback_error};
  struct error *error = (struct error *)get(args);
  if (error != NULL) return fail(key, error);
  if (args[8] != size || memcmp((void *)args[7], value, size) != 0) snprintf(failure, sizeof failure, "%s is another", key);
  ((void (*)(word))args[9])(args[7]);
}

static void *waits(void *unused) {
  char key[64];
  for (word i = 0; i < nodes; i++) {
    snprintf(key, sizeof key, "late-%d", (int)i);
    expect(key, "id\0bytes", 8, 20000);
  }
  return unused;
}

static void *exchanges(void *unused) {
  char key[64], value[64];
  snprintf(key, sizeof key, "node-%d", (int)node);
  snprintf(value, sizeof value, "devices of %d", (int)node);
  struct error *error = leave(key, value, strlen(value));
  if (error != NULL) fail(key, error);
  /* The other thread waits for all of these meanwhile. */
  usleep(500000);
  snprintf(key, sizeof key, "late-%d", (int)node);
  error = leave(key, "id\0bytes", 8);
  if (error != NULL) fail(key, error);
  for (word i = 0; i < nodes; i++) {
    snprintf(key, sizeof key, "node-%d", (int)i);
    snprintf(value, sizeof value, "devices of %d", (int)i);
    expect(key, value, strlen(value), 20000);
  }
  word tried[32] = {256, 0, (word) "nothing", 7, (word)&callback_error};
  error = (struct error *)try_get(tried);
  if (error == NULL || error->code != NOT_FOUND) fail("nothing", error);
  tried[2] = (word)key;
  tried[3] = strlen(key);
  error = (struct error *)try_get(tried);
  if (error != NULL || tried[7] != strlen(value)) fail("what is there", error);
  word never[32] = {256, 0, (word) "never", 5, 50, (word)&callback_error};
  error = (struct error *)get(never);
  if (error == NULL || error->code != DEADLINE_EXCEEDED) fail("never", error);
  return unused;
}

static word create(word *args) {
  word *options = (word *)args[2];
  if (getenv("STAND_IN_FAILS") != NULL) return (word)make_error(INTERNAL, "It fell off the bus.", 20);
  nodes = 1;
  for (word i = 0; i < args[3]; i++, options += 7) {
    if (strncmp((char *)options[2], "node_id", options[3]) == 0) node = options[5];
    if (strncmp((char *)options[2], "num_nodes", options[3]) == 0) nodes = options[5];
  }
  get = (function)args[4];
  put = (function)args[6];
  try_get = (function)args[9];
  if (nodes > 1) {
    pthread_t threads[2];
    pthread_create(&threads[0], NULL, waits, NULL);
    pthread_create(&threads[1], NULL, exchanges, NULL);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
  }
  if (failure[0] != 0) return (word)make_error(INTERNAL, failure, strlen(failure));
  for (word i = 0; i < nodes * OWN; i++) {
    devices[i].id = (int)i;
    all[i] = (word)&devices[i];
  }
  for (word i = 0; i < OWN; i++) own[i] = all[node * OWN + i];
  args[8] = (word)devices;
  return 0;
}

static word platform_name(word *args) {
  args[3] = (word) "stand-in";
  args[4] = 8;
  return 0;
}

static word client_devices(word *args) {
  args[3] = (word)all;
  args[4] = nodes * OWN;
  return 0;
}

static word addressable_devices(word *args) {
  args[3] = (word)own;
  args[4] = OWN;
  return 0;
}

static word same(word *args) {
  args[3] = args[2];
  return 0;
}

static word device_id(word *args) {
  *(int *)&args[3] = ((struct device *)args[2])->id;
  return 0;
}

/** Refuses every program, with what it was asked. */
static word compile(word *args) {
  char text[1024], *at = text;
  const uint8_t *options = (uint8_t *)args[4];
  at += sprintf(at, "options ");
  for (word i = 0; i < args[5] && i < 200; i++) at += sprintf(at, "%02x", options[i]);
  const char *module = strstr((char *)((word *)args[3])[2], "mhlo.num_replicas");
  sprintf(at, ", %.21s", module);
  return (word)make_error(INTERNAL, text, strlen(text));
}

static word error_message(word *args) {
  struct error *error = (struct error *)args[2];
  args[3] = (word)error->message;
  args[4] = strlen(error->message);
  return 0;
}

static word error_code(word *args) {
  *(int *)&args[3] = ((struct error *)args[2])->code;
  return 0;
}

static word nothing(word *args) {
  (void)args;
  return 0;
}

const void *GetPjrtApi(void) {
  static word table[140];
  table[0] = sizeof table;
  table[4] = (word)90 << 32;
  table[5] = (word)nothing; /* Error_Destroy */
  table[6] = (word)error_message;
  table[7] = (word)error_code;
  table[8] = (word)nothing; /* Plugin_Initialize */
  table[15] = (word)create;
  table[17] = (word)platform_name;
  table[20] = (word)client_devices;
  table[21] = (word)addressable_devices;
  table[25] = (word)compile;
  table[28] = (word)device_id;
  table[31] = (word)platform_name; /* DeviceDescription_Kind */
  table[34] = (word)same;          /* Device_GetDescription */
  return table;
}
